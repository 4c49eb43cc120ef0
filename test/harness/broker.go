package harness

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// Kind names the program that a Broker runs.
type Kind string

// The brokers that can be driven.
const (
	Conclave Kind = "conclave"
	ActiveMQ Kind = "activemq"
)

// ErrNotRunning is returned for an operation that needs a live process.
var ErrNotRunning = errors.New("broker not running")

// Options configure one node. Only Kind, Directory and WorkDir are required,
// and Binary for Conclave.
type Options struct {
	Kind      Kind
	Binary    string // Conclave's binary, see ConclaveBinary
	Name      string // brokerName, default "a"
	Directory string // KahaDB directory, shared by a pair
	WorkDir   string // configuration and logs of this node alone
	Host      string // where it listens, default 127.0.0.1
	Port      int    // OpenWire port there, default a free one
	Namespace string // network namespace that it runs in, default the test's own; needs root

	// LockAcquireSleepInterval is how often ActiveMQ's slave tries the lock;
	// 0 leaves ActiveMQ its own 10 s. Conclave blocks in the kernel and gets
	// the option only where KahaDB names it.
	LockAcquireSleepInterval time.Duration

	// KahaDB holds further attributes of the kahaDB element by ActiveMQ's
	// names: concurrentStoreAndDispatchQueues, journalMaxFileLength, …
	KahaDB map[string]string
	// JDBC has the node use PostgreSQL instead; Directory and KahaDB then mean
	// nothing.
	JDBC *JDBC
	// URIOptions are appended to the connector's URI, as "k=v&k=v".
	URIOptions string
	// Broker is what else Conclave's broker element has, as YAML.
	Broker string
	// XML is the same for ActiveMQ, within its broker element; XMLAttributes
	// are attributes of that, as in a="1" b="2".
	XML, XMLAttributes string
	// JVM are further flags of ActiveMQ's virtual machine.
	JVM []string
	Env []string
}

// Broker is one configured node and, between Start and its end, its process.
// It is for one goroutine at a time, except that Log, Role and the like only
// read.
type Broker struct {
	opts    Options
	argv    []string
	log     string
	process *Process
	seen    int64 // length of the log when the present process was started
}

// NewBroker writes the node's configuration below Options.WorkDir; Start runs it.
func NewBroker(opts Options) (*Broker, error) {
	if opts.Name == "" {
		opts.Name = "a"
	}
	if opts.Host == "" {
		opts.Host = "127.0.0.1"
	}
	if opts.Port == 0 {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		opts.Port = port
	}
	work, err := filepath.Abs(opts.WorkDir)
	if err != nil {
		return nil, err
	}
	opts.WorkDir = filepath.Join(work, opts.Name+"-"+string(opts.Kind))
	if err := os.MkdirAll(opts.WorkDir, 0o755); err != nil {
		return nil, err
	}
	b := &Broker{opts: opts, log: filepath.Join(opts.WorkDir, "broker.log")}
	switch opts.Kind {
	case ActiveMQ:
		b.argv, err = activemqCommand(opts)
	case Conclave:
		b.argv, err = conclaveCommand(opts)
	default:
		err = fmt.Errorf("unknown kind of broker %q", opts.Kind)
	}
	if err != nil {
		return nil, err
	}
	if opts.Namespace != "" {
		b.argv = append([]string{"ip", "netns", "exec", opts.Namespace}, b.argv...)
	}
	return b, nil
}

// Start runs the process and returns at once: whether it becomes master or
// slave is asked by WaitServing and WaitSlave.
func (b *Broker) Start() error {
	if b.Running() {
		return fmt.Errorf("broker %s runs already, pid %d", b.opts.Name, b.Pid())
	}
	b.seen = 0
	if info, err := os.Stat(b.log); err == nil {
		b.seen = info.Size()
	}
	p, err := StartProcess(b.opts.WorkDir, b.log, b.opts.Env, b.argv...)
	b.process = p
	return err
}

// StartServing is Start followed by WaitServing.
func (b *Broker) StartServing(limit time.Duration) error {
	if err := b.Start(); err != nil {
		return err
	}
	return b.WaitServing(limit)
}

// WaitServing waits until the client port accepts connections.
func (b *Broker) WaitServing(limit time.Duration) error {
	if b.process == nil {
		return ErrNotRunning
	}
	err := poll(limit, b.process.Done(), "port of broker "+b.opts.Name, b.Serving)
	return b.explain(err)
}

// slaveLine is what both brokers log once when another holds the lock.
var slaveLine = regexp.MustCompile(`(?i)\bslave\b`)

// databaseSlaveLine is what ActiveMQ on a database logs before it waits there.
var databaseSlaveLine = regexp.MustCompile(`Attempting to acquire the exclusive lock`)

// WaitSlave waits until the present process has logged that it is a slave.
func (b *Broker) WaitSlave(limit time.Duration) error {
	if b.process == nil {
		return ErrNotRunning
	}
	line := slaveLine
	if b.opts.Kind == ActiveMQ && b.opts.JDBC != nil {
		line = databaseSlaveLine
	}
	err := poll(limit, b.process.Done(), "slave "+b.opts.Name, func() bool {
		return line.Match(b.lastLog())
	})
	return b.explain(err)
}

// explain adds the end of the log to an error.
func (b *Broker) explain(err error) error {
	if err == nil {
		return nil
	}
	text := b.lastLog()
	return fmt.Errorf("%w; its log ends:\n%s", err, text[max(0, len(text)-4000):])
}

// Serving says whether the node accepts clients now.
func (b *Broker) Serving() bool { return answers(b.address()) }

func (b *Broker) address() string { return net.JoinHostPort(b.opts.Host, strconv.Itoa(b.opts.Port)) }

// Kill ends the process as kill -9 does; without one it does nothing.
func (b *Broker) Kill() error {
	if b.process == nil {
		return nil
	}
	return b.process.Kill()
}

// Stop ends the process with SIGTERM and waits for it.
func (b *Broker) Stop(limit time.Duration) error {
	if b.process == nil {
		return nil
	}
	return b.explain(b.process.Stop(limit))
}

// Running says whether there is a live process.
func (b *Broker) Running() bool { return b.process != nil && b.process.Running() }

// Process is the present or last process, nil before the first Start.
func (b *Broker) Process() *Process { return b.process }

// Pid of the present or last process, 0 before the first Start.
func (b *Broker) Pid() int {
	if b.process == nil {
		return 0
	}
	return b.process.Pid()
}

// Name is the brokerName.
func (b *Broker) Name() string { return b.opts.Name }

// Kind is the program that the node runs.
func (b *Broker) Kind() Kind { return b.opts.Kind }

// Port is the client port.
func (b *Broker) Port() int { return b.opts.Port }

// Directory is the KahaDB directory.
func (b *Broker) Directory() string { return b.opts.Directory }

// URL is the node's tcp:// URI for a client.
func (b *Broker) URL() string { return "tcp://" + b.address() }

// Usage is what the live process uses.
func (b *Broker) Usage() (Usage, error) {
	if !b.Running() {
		return Usage{}, ErrNotRunning
	}
	return UsageOf(b.Pid())
}

// Log is everything that the node's processes have written.
func (b *Broker) Log() string {
	text, _ := os.ReadFile(b.log)
	return string(text)
}

// lastLog is what the present process has written.
func (b *Broker) lastLog() []byte {
	text, err := os.ReadFile(b.log)
	if err != nil || int64(len(text)) < b.seen {
		return nil
	}
	return text[b.seen:]
}
