package postgres

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/conclavemq/conclave/test/harness"
)

// The superuser of every server.
const (
	User     = "conclave"
	Password = "not-so-secret"
)

// patience is how long a server may take to start or to stop.
const patience = time.Minute

// ErrMissing: PostgreSQL's programs are not on this machine.
var ErrMissing = errors.New("PostgreSQL's server is not installed: apt-get install postgresql")

// Options configure a server. The zero value of a field is its default.
type Options struct {
	// Directory holds the data and the log, which the server's user has to be
	// able to reach. By default it is a new one, deleted by Close.
	Directory string
	// Host is the address that it listens on, 127.0.0.1.
	Host string
	// Settings go to postgresql.conf: name and value.
	Settings map[string]string
	// Init is given to initdb: "--encoding=SQL_ASCII".
	Init []string
	// Namespace is the network namespace it runs in, the test's own by default.
	Namespace string
}

// Server is one PostgreSQL server with its data directory.
type Server struct {
	o       Options
	bin     string
	port    int
	who     *syscall.Credential // nil: this process's own user
	own     bool                // the directory is deleted with it
	process *harness.Process    // nil before the first start
}

// New makes a data directory; Start is next.
func New(o Options) (*Server, error) {
	s, err := prepare(o)
	if err != nil {
		return nil, err
	}
	secret := filepath.Join(s.o.Directory, "password")
	if err := errors.Join(os.WriteFile(secret, []byte(Password+"\n"), 0o600), s.give(secret)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	init := append([]string{"--pgdata", s.data(), "--username", User, "--pwfile", secret, "--no-sync",
		"--auth-local=trust", "--auth-host=scram-sha-256"}, o.Init...)
	if !slices.ContainsFunc(o.Init, func(arg string) bool { return strings.HasPrefix(arg, "--encoding") }) {
		init = append(init, "--encoding=UTF8", "--locale=C.UTF-8")
	}
	if err := s.run("initdb", init...); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, s.configure()
}

// prepare finds the programs, a port and a user, and makes the directory.
func prepare(o Options) (*Server, error) {
	s := &Server{o: o}
	if s.o.Host == "" {
		s.o.Host = "127.0.0.1"
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return nil, ErrMissing
	}
	s.bin = found[len(found)-1]
	if s.port, err = harness.FreePort(); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if s.who, err = credential("postgres"); err != nil {
			return nil, err
		}
	}
	if s.own = o.Directory == ""; s.own {
		if s.o.Directory, err = os.MkdirTemp("", "postgres"); err != nil {
			return nil, err
		}
	}
	return s, s.give(s.o.Directory)
}

func credential(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(errUID, errGID)
}

// give makes the server's user the owner of a file.
func (s *Server) give(path string) error {
	if s.who == nil {
		return nil
	}
	return os.Chown(path, int(s.who.Uid), int(s.who.Gid))
}

func (s *Server) data() string { return filepath.Join(s.o.Directory, "data") }

// configure appends to postgresql.conf; what comes later holds.
func (s *Server) configure() error {
	lines := fmt.Sprintf("listen_addresses = '%s'\nport = %d\nunix_socket_directories = '%s'\n", s.o.Host, s.port, s.o.Directory)
	for name, value := range s.o.Settings {
		lines += fmt.Sprintf("%s = '%s'\n", name, value)
	}
	if s.o.Host != "127.0.0.1" {
		hba, err := os.OpenFile(filepath.Join(s.data(), "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer hba.Close()
		if _, err := hba.WriteString("host all all 0.0.0.0/0 scram-sha-256\nhost replication all 0.0.0.0/0 scram-sha-256\n"); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(lines)
	return err
}

// run runs one of PostgreSQL's programs to its end, as the server's user.
func (s *Server) run(program string, args ...string) error {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = s.o.Directory
	cmd.Env = append(os.Environ(), "PGPASSWORD="+Password)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.who}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

// Start starts the server and returns when it takes connections.
func (s *Server) Start() error {
	argv := []string{filepath.Join(s.bin, "postgres"), "-D", s.data()}
	who := s.who
	if s.o.Namespace != "" {
		argv = append([]string{"ip", "netns", "exec", s.o.Namespace, "setpriv", "--reuid=" + strconv.Itoa(int(s.who.Uid)),
			"--regid=" + strconv.Itoa(int(s.who.Gid)), "--clear-groups", "--pdeathsig=KILL"}, argv...)
		who = nil
	}
	// One that was killed leaves its children, which end when they notice.
	deadline := time.Now().Add(patience)
	for {
		p, err := harness.StartProcessAs(who, s.o.Directory, s.LogFile(), nil, argv...)
		if err != nil {
			return err
		}
		s.process = p
		if err := s.ready(deadline); err == nil || time.Now().After(deadline) || p.Running() {
			return err
		}
	}
}

// ready waits until the server answers, or has ended.
func (s *Server) ready(deadline time.Time) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		err := s.run("pg_isready", "-q", "-h", s.o.Directory, "-p", strconv.Itoa(s.port))
		switch {
		case err == nil:
			return nil
		case !s.process.Running(), time.Now().After(deadline):
			return fmt.Errorf("PostgreSQL does not start: %w\n%s", err, s.Log())
		}
	}
	return nil
}

// Mode is how Stop ends a server.
type Mode syscall.Signal

// The modes of pg_ctl.
const (
	Smart     = Mode(syscall.SIGTERM) // waits for its clients
	Fast      = Mode(syscall.SIGINT)  // rolls back what they do
	Immediate = Mode(syscall.SIGQUIT) // as a crash
)

// Stop ends the server and waits for that.
func (s *Server) Stop(mode Mode) error {
	if s.process == nil {
		return nil
	}
	if err := s.process.Signal(syscall.Signal(mode)); err != nil {
		return err
	}
	return s.process.WaitExit(patience)
}

// Kill ends the postmaster by SIGKILL; its children follow.
func (s *Server) Kill() error {
	if s.process == nil {
		return nil
	}
	return s.process.Kill()
}

// Signal goes to the postmaster alone: SIGSTOP keeps new connections waiting.
func (s *Server) Signal(signal syscall.Signal) error { return s.process.Signal(signal) }

// Processes are the postmaster and its children.
func (s *Server) Processes() ([]int, error) {
	pid := s.process.Pid()
	out, err := exec.Command("pgrep", "-P", strconv.Itoa(pid)).Output()
	if err != nil {
		return nil, fmt.Errorf("children of PostgreSQL: %w", err)
	}
	pids := []int{pid}
	for text := range strings.FieldsSeq(string(out)) {
		child, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		pids = append(pids, child)
	}
	return pids, nil
}

// Running says whether the postmaster is there.
func (s *Server) Running() bool { return s.process != nil && s.process.Running() }

// Close ends the server and deletes a directory that New made.
func (s *Server) Close() error {
	err := s.Stop(Immediate)
	if s.own {
		err = errors.Join(err, os.RemoveAll(s.o.Directory))
	}
	return err
}

// Port is where it listens, also while it does not run.
func (s *Server) Port() int { return s.port }

// Address is host:port.
func (s *Server) Address() string { return net.JoinHostPort(s.o.Host, strconv.Itoa(s.port)) }

// URL names a database; "" is postgres.
func (s *Server) URL(database string) string {
	return s.URLAs(User, Password, database)
}

// URLAs is URL for another role.
func (s *Server) URLAs(role, password, database string) string {
	if database == "" {
		database = "postgres"
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Host: s.Address(), Path: "/" + database,
		RawQuery: "sslmode=disable"}
	return u.String()
}

// Exec runs SQL statements in a database as the superuser.
func (s *Server) Exec(database string, statements ...string) error {
	_, err := s.Query(database, statements...)
	return err
}

// Query is Exec that returns what the statements print: rows of columns
// divided by |, without heads.
func (s *Server) Query(database string, statements ...string) (string, error) {
	if database == "" {
		database = "postgres"
	}
	args := []string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", s.o.Directory, "-p", strconv.Itoa(s.port), "-U", User, "-d", database}
	for _, statement := range statements {
		args = append(args, "-c", statement)
	}
	cmd := exec.Command(filepath.Join(s.bin, "psql"), args...)
	var message strings.Builder
	cmd.Stderr = &message
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, message.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// LogFile is where it writes its log.
func (s *Server) LogFile() string { return filepath.Join(s.o.Directory, "log") }

// Log is the end of its log.
func (s *Server) Log() string {
	b, _ := os.ReadFile(s.LogFile()) // empty if there is none
	return string(b[max(0, len(b)-6000):])
}
