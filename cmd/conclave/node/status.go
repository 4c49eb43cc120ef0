package node

import "time"

// Role is what a node is doing.
type Role string

// The roles.
const (
	Starting Role = "starting" // has the lock, does not serve yet
	Slave    Role = "slave"    // waits for the lock, no port is open
	Master   Role = "master"
	Stopping Role = "stopping"
	Yielding Role = "handing over"
)

// Status is a node's account of itself.
type Status struct {
	Role  Role      `json:"role"`
	Since time.Time `json:"since"` // in this role
	// Epoch numbers this mastership; 0 while it is a slave or has no lock.
	Epoch uint64 `json:"epoch"`
	// URIs are where clients connect, while it is master.
	URIs []string `json:"uris,omitempty"`
}

// Status says what the node is doing now. Any goroutine may ask.
func (n *Node) Status() Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.status
}

func (n *Node) become(role Role, epoch uint64, uris []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.status = Status{Role: role, Since: time.Now(), Epoch: epoch, URIs: uris}
}
