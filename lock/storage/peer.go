package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrPeer reports that the other host cannot be asked.
var ErrPeer = errors.New("the other host does not answer")

// withPeer checks again what two hosts have to agree on.
func (c *checker) withPeer(ctx context.Context) error {
	peer, err := dialPeer(ctx, c.Peer, c.CallTime)
	if err != nil {
		return fmt.Errorf("%w: %w: run `conclave check-storage DIR --listen PORT` there first", ErrPeer, err)
	}
	c.b.close()
	c.b, c.local = peer, false
	if done, err := c.steps(ctx, []step{{CheckSameStore, c.joinPeer}}); done || err != nil {
		return err
	}
	if done, err := c.inspect(ctx, peer, c.peer); done || err != nil {
		return errors.Join(err, c.tellVerdict(ctx))
	}
	_, err = c.steps(ctx, []step{
		{CheckExclusion, c.exclusion},
		{CheckRelease, c.release},
		{CheckRename, c.rename},
		{CheckVisibility, c.visibility},
	})
	return errors.Join(err, c.tellVerdict(ctx))
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
	c.peer = c.Peer // until it has said its name
	answer, err := c.b.call(ctx, request{Op: opJoin, Name: c.scratch, Limit: c.ViewTime})
	if err != nil {
		return Result{}, err
	}
	if !answer.OK {
		return Result{}, &helperError{fmt.Sprintf("the other host does not look at this directory: what was made in %s did not appear there within %v", c.Directory, c.ViewTime), 0}
	}
	theirs, err := c.b.call(ctx, request{Op: opHost})
	if err != nil {
		return Result{}, err
	}
	ours, err := c.a.call(ctx, request{Op: opHost})
	if err != nil {
		return Result{}, err
	}
	c.peer = clean(theirs.Text)
	c.report.Peer = c.peer
	r := Result{Reason: fmt.Sprintf("both hosts see the same directory; what is made here is seen there in %v", shortly(answer.Took))}
	if ours.Text2 == theirs.Text2 {
		r.Verdict = Warn
		r.Reason += "; but they are one machine, which proves less than two do"
		r.Remedy = "run the two commands on different hosts"
	}
	return r, nil
}

// tellVerdict lets the other host's command end with the same result.
func (c *checker) tellVerdict(ctx context.Context) error {
	if c.hungB() {
		return nil
	}
	if _, err := c.b.call(ctx, request{Op: opVerdict, Text: c.report.Verdict.String()}); err != nil {
		return fmt.Errorf("%w: %w", ErrPeer, err)
	}
	return nil
}
