package guest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Read returns a small file's content; "/proc/locks" is one.
func (a *Agent) Read(path string, content *[]byte) error {
	var err error
	*content, err = os.ReadFile(path)
	return err
}

// Remove deletes a file, or a directory with what is in it.
func (a *Agent) Remove(path string, _ *None) error { return os.RemoveAll(path) }

// CopyArgs are the arguments of Agent.Copy.
type CopyArgs struct{ From, To, Pattern string }

// CopiedFile is one file that Agent.Copy has copied.
type CopiedFile struct {
	Name  string
	Inode uint64
}

// Copy copies a directory's files whose names match the pattern. Files that
// vanish meanwhile are left out.
func (a *Agent) Copy(args CopyArgs, copied *[]CopiedFile) error {
	if err := os.MkdirAll(args.To, 0o755); err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(args.From, args.Pattern))
	if err != nil {
		return err
	}
	for _, path := range paths {
		inode, err := copyFile(path, filepath.Join(args.To, filepath.Base(path)))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		*copied = append(*copied, CopiedFile{filepath.Base(path), inode})
	}
	return nil
}

func copyFile(from, to string) (inode uint64, err error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(in.Fd()), &st); err != nil {
		return 0, err
	}
	out, err := os.Create(to)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(out, in)
	return st.Ino, errors.Join(err, out.Close())
}

// FillArgs are the arguments of Agent.Fill.
type FillArgs struct {
	File  string
	Leave int64 // bytes that stay free, about
}

// Fill takes the disk's space, by a file that Remove gives back.
func (a *Agent) Fill(args FillArgs, _ *None) error {
	var st unix.Statfs_t
	f, err := os.Create(args.File)
	if err != nil {
		return err
	}
	defer f.Close()
	// The file system keeps some of the space for itself, so take it bit by bit.
	for length := int64(0); ; {
		if err := unix.Statfs(args.File, &st); err != nil {
			return err
		}
		step := max((int64(st.Bfree)*st.Bsize-args.Leave)/2, args.Leave/4)
		if int64(st.Bfree)*st.Bsize-step < args.Leave {
			return nil
		}
		err := unix.Fallocate(int(f.Fd()), 0, length, step)
		if errors.Is(err, unix.ENOSPC) {
			return nil
		}
		if err != nil {
			return err
		}
		length += step
	}
}

// FileLock is a lock as the kernel lists it. (/proc/locks)
type FileLock struct {
	Kind  string // POSIX, OFDLCK, FLOCK, DELEG
	Mode  string // READ or WRITE
	Inode uint64
}

// Locks lists the locks that this host's kernel knows of; on the server those
// are the clients'.
func (a *Agent) Locks(_ None, locks *[]FileLock) error {
	text, err := os.ReadFile("/proc/locks")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 6 || words[1] == "->" { // "->" waits
			continue
		}
		var major, minor uint32
		var l FileLock
		if _, err := fmt.Sscanf(words[5], "%x:%x:%d", &major, &minor, &l.Inode); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		l.Kind, l.Mode = words[1], words[3]
		*locks = append(*locks, l)
	}
	return nil
}
