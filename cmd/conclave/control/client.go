package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/conclavemq/conclave/cmd/conclave/node"
)

const socketSuffix = ".sock"

// ErrSilent: the process is there and does not answer.
var ErrSilent = errors.New("broker does not answer")

// errForeign: a socket is not its directory's owner's.
var errForeign = errors.New("the process is another user's")

// Broker is one process that was found.
type Broker struct {
	Account
	// Err is ErrSilent, or nil. With an error the account lacks the status.
	Err  error
	path string
}

// Find returns the brokers of this host that match, by pid.
func Find(m Match) []Broker {
	var found []Broker
	for _, dir := range directories() {
		owner, err := ownerOf(dir)
		if err != nil {
			continue
		}
		paths, _ := filepath.Glob(filepath.Join(dir, "*"+socketSuffix))
		for _, path := range paths {
			b, ok := ask(path, owner, request{Command: "status"})
			if ok && m.fits(b.Account) {
				found = append(found, b)
			}
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].PID < found[j].PID })
	return found
}

// Stop begins a clean stop of the broker.
func (b Broker) Stop() error {
	owner, err := ownerOf(filepath.Dir(b.path))
	if err != nil {
		return err
	}
	answer, ok := ask(b.path, owner, request{Command: "stop"})
	if !ok {
		return nil // it has ended
	}
	return answer.Err
}

// Running says whether the process is still there.
func (b Broker) Running() bool {
	pid, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(b.path), socketSuffix))
	if err != nil {
		return false
	}
	if err := unix.Kill(pid, 0); err != nil && err != unix.EPERM {
		return false
	}
	_, err = os.Lstat(b.path)
	return err == nil
}

// Kill ends the process without its doing. One that has ended meanwhile is not
// mistaken for another that was given its number.
func (b Broker) Kill() error {
	owner, err := ownerOf(filepath.Dir(b.path))
	if err != nil {
		return err
	}
	conn, peer, err := dial(b.path, owner)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT):
		return nil
	case errors.Is(err, syscall.EAGAIN): // it hangs
	case err != nil:
		return err
	default:
		conn.Close()
		if peer.pid != b.PID {
			return nil
		}
	}
	return unix.Kill(b.PID, unix.SIGKILL)
}

// ask sends a command to a socket. It is not ok if nobody is there; the file
// that a killed process left is removed.
func ask(path string, owner int, r request) (Broker, bool) {
	conn, peer, err := dial(path, owner)
	if errors.Is(err, syscall.EAGAIN) { // so many have asked in vain that no more can
		pid, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), socketSuffix))
		return Broker{Account: readIdentity(path, pid), path: path, Err: fmt.Errorf("%w: %w", ErrSilent, err)}, true
	}
	if err != nil {
		return Broker{}, false
	}
	defer conn.Close()
	var account Account
	if err := exchange(conn, r, 2*answerTime, &account); err != nil {
		return Broker{Account: readIdentity(path, peer.pid), path: path, Err: fmt.Errorf("%w: %w", ErrSilent, err)}, true
	}
	account.PID = peer.pid
	return Broker{Account: account, path: path}, true
}

// dial connects to a socket whose process is its owner's.
func dial(path string, owner int) (net.Conn, peer, error) {
	conn, err := net.DialTimeout("unix", path, answerTime)
	if err != nil {
		if errors.Is(err, syscall.ECONNREFUSED) {
			_ = os.Remove(path)
			_ = os.Remove(identityPath(path))
		}
		return nil, peer{}, err
	}
	p, err := peerOf(conn.(*net.UnixConn))
	if err == nil && p.user != owner && p.user != 0 {
		err = errForeign
	}
	if err != nil {
		conn.Close()
		return nil, peer{}, err
	}
	return conn, p, nil
}

// exchange sends r and reads an answer that comes within limit.
func exchange(conn net.Conn, r request, limit time.Duration, answer any) error {
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if err := reply(conn, r); err != nil {
		return err
	}
	line, err := bufio.NewReader(io.LimitReader(conn, maxLine)).ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, answer)
}

// HandOver makes the broker give its mastership up and says what became of it.
func (b Broker) HandOver(plan node.Plan, limit time.Duration) (node.Outcome, error) {
	owner, err := ownerOf(filepath.Dir(b.path))
	if err != nil {
		return node.Outcome{}, err
	}
	conn, _, err := dial(b.path, owner)
	if err != nil {
		return node.Outcome{}, ErrSilent
	}
	defer conn.Close()
	var answer handOverAnswer
	switch err := exchange(conn, request{Command: "switchover", HandOver: &plan}, limit, &answer); {
	case err != nil:
		return node.Outcome{}, fmt.Errorf("%w: %w", ErrSilent, err)
	case answer.Outcome == nil:
		return node.Outcome{}, errors.New(answer.Error)
	}
	return *answer.Outcome, nil
}

// peer is the far end of a Unix socket as the kernel knows it.
type peer struct{ pid, user int }

func peerOf(conn *net.UnixConn) (peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return peer{}, err
	}
	var credentials *unix.Ucred
	var errOption error
	if err := raw.Control(func(fd uintptr) {
		credentials, errOption = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return peer{}, err
	}
	if errOption != nil {
		return peer{}, errOption
	}
	return peer{pid: int(credentials.Pid), user: int(credentials.Uid)}, nil
}
