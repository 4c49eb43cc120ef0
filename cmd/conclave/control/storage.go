package control

import "time"

// Following is what a slave has read of the journal that the master writes.
type Following struct {
	// Following says that it has been at the end, and nothing keeps it from
	// going on.
	Following bool   `json:"following"`
	File      string `json:"file,omitempty"` // that it reads
	Offset    int64  `json:"offset"`
	// BehindBytes is what it knows of and has not read, at most.
	BehindBytes int64 `json:"behindBytes"`
	// BehindMS is how long ago it was at the end, -1 if it has not been.
	BehindMS int64 `json:"behindMS"`
	Messages int   `json:"messages"` // stored
	Records  int   `json:"records"`  // read
	// Snapshot is when the snapshot was written that it began with.
	Snapshot time.Time `json:"snapshot,omitzero"`
	// Anew is how often it had to begin again, Reason why it did last.
	Anew   int    `json:"anew"`
	Reason string `json:"reason,omitempty"`
}

// Start is how long a master took from the lock to the open ports, and what
// of its store it had to read, in milliseconds and bytes.
type Start struct {
	TakeoverMS float64 `json:"takeoverMS"`
	StoreMS    float64 `json:"storeMS"`
	BrokerMS   float64 `json:"brokerMS"`
	PortsMS    float64 `json:"portsMS"`
	// Index says where the journal's index came from: files, snapshot or
	// following. What came after that is the tail.
	Index      string  `json:"index,omitempty"`
	SnapshotMS float64 `json:"snapshotMS"`
	TailMS     float64 `json:"tailMS"`
	InheritMS  float64 `json:"inheritMS"`
	TailBytes  int64   `json:"tailBytes"`
}

// Snapshot is the newest snapshot of the journal's index that a master has
// written.
type Snapshot struct {
	At       time.Time `json:"at,omitzero"` // zero: none yet
	Messages int       `json:"messages"`
	Bytes    int64     `json:"bytes"`
	TookMS   int64     `json:"tookMS"`
	File     string    `json:"file,omitempty"` // where in the journal it was made
	Offset   int64     `json:"offset"`
	Problem  string    `json:"problem,omitempty"` // of the last attempt
}
