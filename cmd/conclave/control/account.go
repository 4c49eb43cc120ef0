package control

import (
	"path/filepath"

	"github.com/conclavemq/conclave/cmd/conclave/node"
	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/network"
)

// Account is what a broker process says about itself.
type Account struct {
	BrokerName string `json:"brokerName"`
	PID        int    `json:"pid"`
	Host       string `json:"host"`
	Version    string `json:"version"`
	// ConfigFile is absolute; "" is the embedded default.
	ConfigFile string `json:"configFile,omitempty"`
	// Directory is the store's, absolute; "" is a broker without one.
	Directory string `json:"directory,omitempty"`
	// Database is the store's, without secrets; "" if it is in none. Lock is who
	// owns it, and Problem why that cannot be said: the process knows how to ask.
	Database string       `json:"database,omitempty"`
	Lock     *lock.Status `json:"lock,omitempty"`
	Problem  string       `json:"problem,omitempty"`
	node.Status
	// Console is the URL of the console, if it is open.
	Console string `json:"console,omitempty"`
	// Following is a slave's, if it is a hot one.
	Following *Following `json:"following,omitempty"`
	// Start and Snapshot are a master's.
	Start    *Start    `json:"start,omitempty"`
	Snapshot *Snapshot `json:"snapshot,omitempty"`
	// Network is a master's bridges to other brokers.
	Network []network.Status `json:"network,omitempty"`
}

// Match picks brokers; what is not set matches all.
type Match struct {
	PID        int
	BrokerName string
	ConfigFile string // absolute
	Directory  string // absolute
	Database   string // as in Account
	// Embedded asks for brokers that were started without a file.
	Embedded bool
}

func (m Match) fits(a Account) bool {
	return (m.PID == 0 || m.PID == a.PID) &&
		(m.BrokerName == "" || m.BrokerName == a.BrokerName) &&
		(m.ConfigFile == "" || m.ConfigFile == a.ConfigFile) &&
		(m.Directory == "" || same(m.Directory, a.Directory)) &&
		(m.Database == "" || m.Database == a.Database) &&
		(!m.Embedded || a.ConfigFile == "")
}

// same compares directories as far as links can be followed.
func same(a, b string) bool { return a == b || resolved(a) == resolved(b) }

func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
