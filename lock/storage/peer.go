package storage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// ErrPeer reports that the other host cannot be asked.
var ErrPeer = errors.New("the other host does not answer")

// withPeer makes the checks of this host, then those again on which two hosts
// have to agree, and lets the other host's command end with the same verdict.
func (c *checker) withPeer(ctx context.Context) error {
	if done, err := c.steps(ctx, []step{{CheckSameStore, c.joinPeer}}); done || err != nil {
		return err
	}
	done, err := c.steps(ctx, c.localSteps())
	if !done && err == nil {
		err = c.hostSteps(ctx)
	}
	if c.remote.hung != nil {
		return err
	}
	_, errTell := c.remote.call(ctx, request{Op: opVerdict, Text: c.report.Verdict.String()})
	return errors.Join(err, peerError(errTell))
}

func (c *checker) hostSteps(ctx context.Context) error {
	c.b.close()
	c.b, c.peer, c.local = c.remote, c.report.Peer, false
	if done, err := c.inspect(ctx, c.remote, c.peer); done || err != nil {
		return err
	}
	_, err := c.steps(ctx, []step{
		{CheckExclusion, c.exclusion},
		{CheckRelease, c.release},
		{CheckRename, c.rename},
		{CheckVisibility, c.visibility},
	})
	return err
}

// dialPeer connects to the other host.
func dialPeer(ctx context.Context, address string, patience time.Duration) (*remote, error) {
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		_, port, _ := net.SplitHostPort(address)
		return nil, peerError(fmt.Errorf("%w: run `conclave check-storage DIR --listen :%s` there first", err, port))
	}
	return &remote{patience: patience, conversation: newConversation(conn, conn)}, nil
}

func peerError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrPeer, err)
}

// clean keeps what another host says of itself short and printable.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return -1
	}, name)
	return name[:min(len(name), 64)]
}

// joinPeer proves that the other host sees this directory: the name of the
// scratch directory, which nobody can guess, is on its storage too.
func (c *checker) joinPeer(ctx context.Context) (Result, error) {
	answer, err := c.remote.call(ctx, request{Op: opJoin, Name: c.scratch, Limit: c.ViewTime})
	if err != nil {
		return Result{}, err
	}
	if !answer.OK {
		return Result{}, &helperError{fmt.Sprintf("the other host does not look at this directory: what was made in %s did not appear there within %v", c.Directory, c.ViewTime), 0}
	}
	theirs, err := c.remote.call(ctx, request{Op: opHost})
	if err != nil {
		return Result{}, err
	}
	ours, err := c.a.call(ctx, request{Op: opHost})
	if err != nil {
		return Result{}, err
	}
	c.report.Peer = clean(theirs.Text)
	r := Result{Host: c.report.Peer, Reason: fmt.Sprintf("both hosts see the same directory; what is made here is seen there in %v", shortly(answer.Took))}
	if ours.Text2 == theirs.Text2 {
		r.Verdict = Warn
		r.Reason += "; but they are one machine, which proves less than two do"
		r.Remedy = "run the two commands on different hosts"
	}
	return r, nil
}
