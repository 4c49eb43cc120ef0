package storage

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Options configures Run and Listen. Directory and Helper are needed.
type Options struct {
	// Directory is absolute and exists.
	Directory string
	// Helper is the command that calls Serve, to which the directory is added.
	Helper []string
	// Peer is where a Listen on another host answers, "host:port"; "" checks
	// this host alone.
	Peer string
	// FileLength is a journal file's; 0 is ActiveMQ's 32 MiB.
	FileLength int64
	// CallTime is what one call to the storage may take; 0 is 10 s.
	CallTime time.Duration
	// ViewTime is how long to wait for one host to see what another wrote; 0
	// is 30 s.
	ViewTime time.Duration
	// Found gets each result as it comes; nil: nobody.
	Found func(Result)
}

func (o Options) withDefaults() (Options, error) {
	if !filepath.IsAbs(o.Directory) {
		return o, fmt.Errorf("directory %q is not absolute", o.Directory)
	}
	if len(o.Helper) == 0 {
		return o, errors.New("no helper")
	}
	if o.FileLength == 0 {
		o.FileLength = 32 << 20
	}
	if o.CallTime == 0 {
		o.CallTime = 10 * time.Second
	}
	if o.ViewTime == 0 {
		o.ViewTime = 30 * time.Second
	}
	if o.Found == nil {
		o.Found = func(Result) {}
	}
	return o, nil
}

func (o *Options) newHelper() (*process, error) {
	return newProcess(append(append([]string(nil), o.Helper...), o.Directory), o.CallTime)
}

// Run checks a directory. The report holds whatever was found, also beside an
// error, which says why the check could not be made or finished: there is no
// such directory, the other host does not answer, ctx ended. Trouble with the
// storage is a result, not an error.
func Run(ctx context.Context, o Options) (*Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	c := &checker{Options: o, report: &Report{Directory: o.Directory, Host: host}}
	defer c.close()
	return c.report, c.run(ctx)
}

// checker is one Run.
type checker struct {
	Options
	report *Report
	a      *process
	b      party   // a second process of this host, then the other host's
	remote *remote // the other host's, nil if there is none
	local  bool    // of the file system

	scratch string // name of the scratch directory
	made    bool
	entered bool   // both are in the scratch directory
	peer    string // name of b's host, if it is not this one
	files   int    // numbers scratch files
}

// step is one check. Its error is what became of it; a result without a name
// is none.
type step struct {
	name string
	do   func(context.Context) (Result, error)
}

func (c *checker) run(ctx context.Context) error {
	var err error
	if c.a, err = c.newHelper(); err != nil {
		return err
	}
	if done, err := c.inspect(ctx, c.a, ""); done || err != nil {
		return err
	}
	if c.Peer != "" {
		if c.remote, err = dialPeer(ctx, c.Peer, c.CallTime); err != nil {
			return err
		}
		defer c.remote.close()
	}
	if c.b, err = c.newHelper(); err != nil {
		return err
	}
	if done, err := c.steps(ctx, []step{{CheckWrite, c.enter}}); done || err != nil {
		return err
	}
	if c.remote == nil {
		_, err = c.steps(ctx, c.localSteps())
		return err
	}
	return c.withPeer(ctx)
}

// localSteps are for two processes of this host.
func (c *checker) localSteps() []step {
	return []step{
		{CheckExclusion, c.exclusion},
		{CheckAliasing, c.aliasing},
		{CheckRelease, c.release},
		{CheckRename, c.rename},
		{CheckDirectory, c.directorySync},
		{CheckVisibility, c.visibility},
		{CheckFallocate, c.fallocate},
		{CheckSync, c.syncCost},
	}
}

// steps makes checks until one finds that there is no going on.
func (c *checker) steps(ctx context.Context, steps []step) (done bool, err error) {
	for _, s := range steps {
		r, err := s.do(ctx)
		if ctx.Err() != nil {
			return true, fmt.Errorf("%s: not finished: %w", s.name, ctx.Err())
		}
		if err != nil {
			if r, err = c.trouble(s.name, err); err != nil {
				return true, err
			}
			done = s.name == CheckWrite && !c.entered || s.name == CheckSameStore
		}
		r.Check = s.name
		if r.Host == "" {
			r.Host = c.peer
		}
		c.found(r)
		if done || c.a.hung != nil || c.hungB() {
			return true, nil
		}
	}
	return false, nil
}

func (c *checker) found(r Result) {
	c.report.add(r)
	c.Found(r)
}

// hungB reports that the second party does not answer any more.
func (c *checker) hungB() bool {
	if c.b == party(c.remote) {
		return c.remote.hung != nil
	}
	local, ok := c.b.(*process)
	return ok && local.hung != nil
}

// trouble makes a result of an error from the storage, and leaves others.
func (c *checker) trouble(name string, err error) (Result, error) {
	var fromHelper *helperError
	switch {
	case errors.Is(err, ErrHangs):
		return Result{Verdict: Unsafe, Reason: "the storage hangs: " + err.Error(),
			Remedy: "see that the server answers; nothing more was checked"}, nil
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return Result{Verdict: Warn, Skipped: true, Reason: "not checked: " + err.Error(), Remedy: "make room and check again"}, nil
	case errors.Is(err, unix.EROFS):
		return Result{Verdict: Unsafe, Reason: err.Error(), Remedy: "mount it read-write"}, nil
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return Result{Verdict: Unsafe, Reason: err.Error(), Remedy: "run this as the broker's user, and let that user write to the directory"}, nil
	case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP):
		return Result{Verdict: Unsafe, Reason: "not supported: " + err.Error(), Remedy: "use a file system that has it"}, nil
	case errors.As(err, &fromHelper):
		return Result{Verdict: Unsafe, Reason: "failed: " + err.Error(), Remedy: "see the kernel's log and the server's"}, nil
	}
	return Result{}, fmt.Errorf("%s: %w", name, err)
}

// inspect reports what a party's kernel knows. done says that it hangs.
func (c *checker) inspect(ctx context.Context, p party, host string) (done bool, err error) {
	answer, err := p.call(ctx, request{Op: opInspect, Size: c.FileLength})
	if errors.Is(err, ErrHangs) {
		c.found(Result{Check: CheckMount, Host: host, Verdict: Unsafe, Reason: "the storage hangs: " + err.Error(),
			Remedy: "see that the server answers; nothing more was checked"})
		return true, nil
	}
	if err != nil {
		return true, fmt.Errorf("look at the directory: %w", err)
	}
	for _, r := range answer.Results {
		r.Host = host
		c.found(r)
	}
	c.local = c.local || answer.OK && host == ""
	return false, nil
}

// enter makes the scratch directory for both helpers of this host.
func (c *checker) enter(ctx context.Context) (Result, error) {
	var id [16]byte
	rand.Read(id[:]) // never fails
	c.scratch = ".conclave-check-" + hex.EncodeToString(id[:])
	if _, err := c.a.call(ctx, request{Op: opCreate, Name: c.scratch}); err != nil {
		return Result{}, err
	}
	c.made = true
	if err := c.joinLocal(ctx); err != nil {
		return Result{}, err
	}
	c.entered = true
	name := c.newName("write")
	_, err := c.all(ctx, c.a, request{Op: opOpen, Name: name}, request{Op: opPut, Version: 1}, request{Op: opClose})
	return Result{Reason: "files can be made, written and synced"}, err
}

func (c *checker) joinLocal(ctx context.Context) error {
	answer, err := c.b.call(ctx, request{Op: opJoin, Name: c.scratch, Limit: time.Second})
	if err == nil && !answer.OK {
		err = &helperError{"a second process does not see a new directory", 0}
	}
	return err
}

// all makes several calls and returns the last answer.
func (c *checker) all(ctx context.Context, p party, requests ...request) (answer reply, err error) {
	for _, r := range requests {
		if answer, err = p.call(ctx, r); err != nil {
			return answer, err
		}
	}
	return answer, nil
}

// newName is a scratch file's that nobody has looked for before.
func (c *checker) newName(what string) string {
	c.files++
	return fmt.Sprintf("%s-%d", what, c.files)
}

// close removes the scratch directory, unless the storage hangs.
func (c *checker) close() {
	if c.b != nil {
		c.b.close()
	}
	if c.a == nil {
		return
	}
	if c.made {
		if err := c.remove(); err != nil {
			c.found(Result{Check: CheckWrite, Verdict: Warn,
				Reason: "cannot remove " + filepath.Join(c.Directory, c.scratch) + ": " + err.Error(), Remedy: "remove it by hand"})
		}
	}
	c.a.close()
}

// remove takes a new helper if the first one was given up at the end of the
// context, perhaps in the middle of a call.
func (c *checker) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), c.CallTime)
	defer cancel()
	if c.a.hung != nil && !errors.Is(c.a.hung, ErrHangs) {
		fresh, err := c.newHelper()
		if err != nil {
			return err
		}
		c.a.close()
		c.a = fresh
		if _, err = c.a.call(ctx, request{Op: opJoin, Name: c.scratch}); err != nil {
			return err
		}
	}
	_, err := c.a.call(ctx, request{Op: opRemove})
	return err
}
