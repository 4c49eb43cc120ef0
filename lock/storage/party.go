package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// ErrHangs reports a call to the storage that did not return in its time. The
// error is a *HangError.
var ErrHangs = errors.New("storage hangs")

// HangError names the call that hangs.
type HangError struct {
	Call string // "fdatasync file", as far as it is known
	Time time.Duration
}

// Error is a sentence.
func (e *HangError) Error() string {
	return fmt.Sprintf("%s has not returned after %v", e.Call, e.Time.Round(time.Millisecond))
}

// Is makes a HangError an ErrHangs.
func (e *HangError) Is(target error) bool { return target == ErrHangs }

// helperError is an error that a helper met.
type helperError struct {
	text  string
	errno syscall.Errno
}

func (e *helperError) Error() string { return e.text }

// Is compares with the kernel's number.
func (e *helperError) Is(target error) bool {
	number, ok := target.(syscall.Errno)
	return ok && e.errno != 0 && e.errno == number
}

// party is a helper, here or on another host. Its calls are made one after the
// other.
type party interface {
	// call sends a request and waits for its answer, for at most the
	// request's limit and a call's time.
	call(ctx context.Context, r request) (reply, error)
	// kill ends the helper's process by SIGKILL and returns at once; the next
	// call is answered by a new one.
	kill(ctx context.Context) error
	// close lets the helper end.
	close()
}

// conversation is one connection to a helper: lines out, lines in.
type conversation struct {
	in    io.WriteCloser
	lines chan reply // closed when the helper has ended
	hung  error      // why an earlier call was given up, which may still answer
}

func newConversation(in io.WriteCloser, out io.Reader) *conversation {
	c := &conversation{in: in, lines: make(chan reply, 16)}
	go c.read(out)
	return c
}

func (c *conversation) read(out io.Reader) {
	defer close(c.lines)
	for lines := newLines(out); lines.Scan(); {
		var r reply
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			return
		}
		c.lines <- r
	}
}

// ask gets one answer within a time.
func (c *conversation) ask(ctx context.Context, r request, patience time.Duration) (reply, error) {
	if c.hung != nil {
		return reply{}, c.hung
	}
	if err := writeLine(c.in, r); err != nil {
		return reply{}, fmt.Errorf("ask the helper: %w", err)
	}
	limit := r.Limit + patience
	timer := time.NewTimer(limit)
	defer timer.Stop()
	at := "the helper for " + r.Op
	for {
		select {
		case answer, ok := <-c.lines:
			if !ok {
				return reply{}, fmt.Errorf("the helper ended at %s", r.Op)
			}
			if answer.At != "" {
				at = answer.At
				continue
			}
			if answer.Error != "" {
				return answer, &helperError{answer.Error, syscall.Errno(answer.Errno)}
			}
			return answer, nil
		case <-timer.C:
			c.hung = &HangError{at, limit}
			return reply{}, c.hung
		case <-ctx.Done():
			c.hung = ctx.Err()
			return reply{}, ctx.Err()
		}
	}
}

// abandon lets the reader end without anybody listening. The channel that it
// returns is closed when the helper has ended.
func (c *conversation) abandon() <-chan struct{} {
	_ = c.in.Close() // it may be closed already
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range c.lines { // until there are no more
		}
	}()
	return ended
}

// process is a party on this host.
type process struct {
	command  []string
	patience time.Duration
	cmd      *exec.Cmd
	*conversation
}

// newProcess starts a helper.
func newProcess(command []string, patience time.Duration) (*process, error) {
	p := &process{command: command, patience: patience}
	if err := p.start(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) start() error {
	p.cmd = exec.Command(p.command[0], p.command[1:]...)
	p.cmd.Dir = "/" // a working directory on hung storage would be in the way
	// Its standard error is nowhere: whoever reads this process's would wait for
	// the end of a helper that hangs.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is this process's to handle
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start a helper: %w", err)
	}
	p.conversation = newConversation(in, out)
	return nil
}

func (p *process) call(ctx context.Context, r request) (reply, error) {
	return p.ask(ctx, r, p.patience)
}

func (p *process) kill(context.Context) error {
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill a helper: %w", err)
	}
	p.leave(p.abandon())
	return p.start()
}

// leave lets go of a helper that has been told to end. It is not waited for: a
// call that hangs may keep even a killed process.
func (p *process) leave(ended <-chan struct{}) {
	cmd := p.cmd
	go func() {
		<-ended
		_ = cmd.Wait() // how it ended does not matter
	}()
}

// close waits a moment for a helper in good health, which has files open.
func (p *process) close() {
	ended := p.abandon()
	if p.hung != nil {
		_ = p.cmd.Process.Kill() // it may have ended
	} else {
		select {
		case <-ended:
		case <-time.After(endTime):
			_ = p.cmd.Process.Kill() // as above
		}
	}
	p.leave(ended)
}

const endTime = time.Second

// remote is a helper on another host, behind its Listen.
type remote struct {
	patience time.Duration
	*conversation
}

// call allows for the network beyond what the other host's helper may take.
func (r *remote) call(ctx context.Context, q request) (reply, error) {
	return r.ask(ctx, q, r.patience+time.Second)
}

func (r *remote) kill(ctx context.Context) error {
	_, err := r.call(ctx, request{Op: opKill})
	return err
}

func (r *remote) close() { r.abandon() }
