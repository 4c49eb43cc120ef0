package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/conclavemq/conclave/lock"
)

// Serve is a helper: it does to the storage of a directory what the lines of
// requests say, one after the other, until they end.
func Serve(dir string, requests io.Reader, replies io.Writer) error {
	h := &helper{dir: dir, out: replies, slots: make(map[int]*os.File)}
	stop := make(chan struct{})
	var reporting sync.WaitGroup
	reporting.Go(func() { h.reportSlow(stop) })
	defer reporting.Wait()
	defer close(stop)
	defer h.closeAll()
	lines := newLines(requests)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("request: %w", err)
		}
		if err := h.send(h.answer(&r)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// helper has one goroutine that obeys, and one that says what takes long.
type helper struct {
	dir     string
	scratch string // "" until there is one; the obeying goroutine's
	slots   map[int]*os.File

	outMu sync.Mutex // lines are whole
	out   io.Writer

	mu    sync.Mutex
	at    string    // guarded by mu; the call that is being made, "" if none
	since time.Time // guarded by mu
}

func (h *helper) send(r reply) error {
	h.outMu.Lock()
	defer h.outMu.Unlock()
	return writeLine(h.out, r)
}

// answer obeys one request.
func (h *helper) answer(r *request) reply {
	var out reply
	err := r.check()
	if err == nil {
		err = h.obey(r, &out)
	}
	if err != nil {
		out = reply{Error: err.Error()}
		if number := syscall.Errno(0); errors.As(err, &number) {
			out.Errno = int(number)
		}
	}
	return out
}

// obey makes the operation of one request.
func (h *helper) obey(r *request, out *reply) error {
	switch r.Op {
	case opHost:
		return h.host(out)
	case opInspect:
		return h.inspect(r, out)
	case opCreate:
		return h.create(r)
	case opJoin:
		return h.join(r, out)
	}
	if h.scratch == "" {
		return fmt.Errorf("%.20q: no scratch directory yet", r.Op)
	}
	operation, ok := operations[r.Op]
	if !ok {
		return fmt.Errorf("%.20q is no operation", r.Op)
	}
	return operation(h, r, out)
}

// operations are those within the scratch directory.
var operations = map[string]func(*helper, *request, *reply) error{
	opRemove:    (*helper).remove,
	opOpen:      (*helper).open,
	opView:      (*helper).view,
	opClose:     (*helper).close,
	opLock:      (*helper).lock,
	opPoll:      (*helper).poll,
	opFill:      (*helper).fill,
	opPut:       (*helper).put,
	opAwait:     (*helper).await,
	opAwaitName: (*helper).awaitName,
	opReplace:   (*helper).replace,
	opWatch:     (*helper).watch,
	opSyncDir:   (*helper).syncDir,
	opSyncCost:  (*helper).syncCost,
	opBulkSync:  (*helper).bulkSync,
	opAllocate:  (*helper).allocate,
}

// slow is how long a call may take before it is reported as under way.
const slow = 100 * time.Millisecond

// call makes one call to the storage, under a name that can be reported.
func (h *helper) call(name, path string, f func() error) error {
	h.begin(name + " " + filepath.Base(path))
	defer h.begin("")
	return named(name, path, retry(f))
}

func (h *helper) begin(at string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at, h.since = at, time.Now()
}

// reportSlow sends the name of a call that does not return.
func (h *helper) reportSlow(stop <-chan struct{}) {
	tick := time.NewTicker(slow)
	defer tick.Stop()
	said := time.Time{}
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			h.mu.Lock()
			at, since := h.at, h.since
			h.mu.Unlock()
			if at != "" && now.Sub(since) > slow && since != said {
				said = since
				if h.send(reply{At: at}) != nil {
					return
				}
			}
		}
	}
}

func (h *helper) host(out *reply) error {
	name, err := os.Hostname()
	out.Text = name
	if id, errID := os.ReadFile("/proc/sys/kernel/random/boot_id"); errID == nil {
		out.Text2 = string(id)
	}
	return err
}

func (h *helper) inspect(r *request, out *reply) error {
	return h.call("stat", h.dir, func() error {
		info, err := os.Stat(h.dir)
		if err == nil && !info.IsDir() {
			err = syscall.ENOTDIR
		}
		if err != nil {
			return cause(err)
		}
		out.Results = Inspect(h.dir, r.Size)
		fileSystem, err := lock.Detect(h.dir)
		out.OK = fileSystem.Local
		return cause(err)
	})
}

// cause is the kernel's error without the name that call adds anyway.
func cause(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	if link := (*os.LinkError)(nil); errors.As(err, &link) {
		return link.Err
	}
	return err
}

func (h *helper) create(r *request) error {
	path := filepath.Join(h.dir, r.Name)
	err := h.call("mkdir", path, func() error { return cause(os.Mkdir(path, 0o777)) })
	if err == nil {
		h.scratch = path
	}
	return err
}

// join waits for a scratch directory that another helper has made.
func (h *helper) join(r *request, out *reply) error {
	path := filepath.Join(h.dir, r.Name)
	var err error
	out.OK, out.Took = waitUntil(r.Limit, func() bool {
		var info os.FileInfo
		err = h.call("stat", path, func() (err error) {
			info, err = os.Lstat(path)
			return cause(err)
		})
		return err == nil && info.IsDir() || err != nil && !errors.Is(err, fs.ErrNotExist)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && out.OK {
		h.scratch = path
	}
	return err
}

// remove clears the scratch directory. What stands open in other helpers is
// theirs.
func (h *helper) remove(*request, *reply) error {
	h.closeAll()
	var err error
	// An NFS client keeps a file that a killed helper has not closed yet.
	waitUntil(removeTime, func() bool {
		err = h.call("remove", h.scratch, func() error { return cause(os.RemoveAll(h.scratch)) })
		return !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EBUSY)
	})
	return err
}

const removeTime = 2 * time.Second

func (h *helper) path(r *request) string { return filepath.Join(h.scratch, r.Name) }

func (h *helper) open(r *request, _ *reply) error { return h.take(r, os.O_RDWR|os.O_CREATE) }

// view opens a file as a slave does. An NFS client that has it open for
// writing keeps what it has read, whatever other hosts write.
func (h *helper) view(r *request, _ *reply) error { return h.take(r, os.O_RDONLY) }

func (h *helper) take(r *request, flags int) error {
	if h.slots[r.Slot] != nil { // left by a check that failed
		if err := h.close(r, nil); err != nil {
			return err
		}
	}
	f, err := h.openFile(h.path(r), flags)
	if err == nil {
		h.slots[r.Slot] = f
	}
	return err
}

func (h *helper) openFile(path string, flags int) (f *os.File, err error) {
	err = h.call("open", path, func() (err error) {
		f, err = os.OpenFile(path, flags, 0o666)
		return cause(err)
	})
	return f, err
}

func (h *helper) slot(r *request) (*os.File, error) {
	f := h.slots[r.Slot]
	if f == nil {
		return nil, fmt.Errorf("%s: slot %d is not open", r.Op, r.Slot)
	}
	return f, nil
}

func (h *helper) close(r *request, _ *reply) error {
	f, err := h.slot(r)
	if err != nil {
		return err
	}
	delete(h.slots, r.Slot)
	return h.call("close", f.Name(), func() error { return cause(f.Close()) })
}

func (h *helper) closeAll() {
	for slot, f := range h.slots {
		delete(h.slots, slot)
		_ = h.call("close", f.Name(), f.Close) // they are all scratch files
	}
}

// waitUntil asks until the answer is yes or the limit has passed.
func waitUntil(limit time.Duration, met func() bool) (bool, time.Duration) {
	began := time.Now()
	for {
		if met() {
			return true, time.Since(began)
		}
		if time.Since(began) > limit {
			return false, time.Since(began)
		}
		time.Sleep(pollPause)
	}
}

// pollPause is short beside what is measured, and long beside a processor.
const pollPause = time.Millisecond
