package console

import "time"

// Node is one process of a master/slave group.
type Node interface {
	Status() Status
	// Broker is nil unless this node is the master.
	Broker() Broker
}

// Status is what a node says of itself. Times that are zero are not known.
type Status struct {
	BrokerName string `json:"brokerName"`
	Host       string `json:"host"`
	PID        int    `json:"pid"`
	Version    string `json:"version"`
	// Role is slave, starting, master, "handing over" or stopping.
	Role    string    `json:"role"`
	Since   time.Time `json:"since"` // in this role
	Began   time.Time `json:"began"` // the process
	Serving bool      `json:"serving"`
	Waiting bool      `json:"waiting"` // for the lock, as a slave
	Epoch   uint64    `json:"epoch"`   // 0 of a slave
	URIs    []string  `json:"uris,omitempty"`
	// Holder is who has the lock on the store; nil if that is not known.
	Holder *Holder `json:"holder,omitempty"`
	// Problem is why the holder is not known.
	Problem string `json:"problem,omitempty"`
	// Lease is a master's.
	Lease     *Lease     `json:"lease,omitempty"`
	Following *Following `json:"following,omitempty"`
	// Start says how long this master took from the lock to open ports.
	Start *Takeover `json:"start,omitempty"`
}

// Holder is who has the lock, or had it last.
type Holder struct {
	Held       bool      `json:"held"`
	Epoch      uint64    `json:"epoch,omitempty"`
	BrokerName string    `json:"brokerName,omitempty"`
	Host       string    `json:"host,omitempty"`
	PID        int       `json:"pid,omitempty"`
	Since      time.Time `json:"since,omitzero"`
	// HeldSeconds is how long it has held it.
	HeldSeconds float64  `json:"heldSeconds,omitempty"`
	URIs        []string `json:"uris,omitempty"`
	// Foreign describes another program, such as ActiveMQ.
	Foreign string `json:"foreign,omitempty"`
}

// Lease is what a mastership is worth now.
type Lease struct {
	Valid bool `json:"valid"`
	// CheckedSecondsAgo is when the last proof of it began.
	CheckedSecondsAgo float64 `json:"checkedSecondsAgo"`
}

// Following is how far a slave has read what the master writes.
type Following struct {
	CaughtUp    bool  `json:"caughtUp"`
	BehindBytes int64 `json:"behindBytes"`
	// BehindSeconds is how long ago it was at the end, -1 if it never was.
	BehindSeconds float64 `json:"behindSeconds"`
	Messages      int     `json:"messages"`
}

// Takeover is how long it took to become master, in seconds.
type Takeover struct {
	All    float64 `json:"takeoverSeconds"` // all
	Store  float64 `json:"storeSeconds"`
	Broker float64 `json:"brokerSeconds"`
	Ports  float64 `json:"portsSeconds"`
}
