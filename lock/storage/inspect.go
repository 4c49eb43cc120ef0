package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Inspect says what can be known of a directory's storage by reading alone: no
// file is made, written, opened or locked, so a slave may do it. Space is
// measured in journal files of fileLength bytes; 0 leaves it out. A directory
// that does not exist yet is judged by the nearest one above it. The call
// hangs if the storage does.
func Inspect(dir string, fileLength int64) []Result {
	return kernel{mountinfo: "/proc/self/mountinfo", recoverLocks: "/sys/module/nfs/parameters/recover_lost_locks"}.
		inspect(dir, fileLength)
}

// kernel is where Inspect reads.
type kernel struct {
	mountinfo    string
	recoverLocks string
}

func (k kernel) inspect(dir string, fileLength int64) []Result {
	dir, err := existing(dir)
	if err != nil {
		return []Result{unknownMount(err)}
	}
	m, err := k.mountOf(dir)
	if err != nil {
		return append([]Result{unknownMount(err)}, space(dir, fileLength)...)
	}
	results := judge(&m)
	if slices.Contains(nfsKinds, m.kind) {
		results = append(results, k.judgeRecovery()...)
	}
	return append(results, space(dir, fileLength)...)
}

func unknownMount(err error) Result {
	return Result{Check: CheckMount, Verdict: Warn, Reason: "cannot tell the mount options: " + err.Error(),
		Remedy: "see that /proc is mounted and the directory can be reached"}
}

// existing is dir or the nearest directory above it that exists.
func existing(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		var st unix.Stat_t
		err := retry(func() error { return unix.Stat(dir, &st) })
		if !errors.Is(err, unix.ENOENT) || dir == "/" {
			return dir, named("stat", dir, err)
		}
		dir = filepath.Dir(dir)
	}
}

// mountOf asks the kernel for the number of the mount that dir lies on, which
// names and symbolic links do not tell for sure.
func (k kernel) mountOf(dir string) (mount, error) {
	f, err := os.Open(k.mountinfo)
	if err != nil {
		return mount{}, err
	}
	defer f.Close()
	mounts, err := parseMounts(f)
	if err != nil {
		return mount{}, fmt.Errorf("%s: %w", k.mountinfo, err)
	}
	var st unix.Statx_t
	err = retry(func() error {
		return unix.Statx(unix.AT_FDCWD, dir, unix.AT_STATX_DONT_SYNC, unix.STATX_MNT_ID, &st)
	})
	if err == nil && st.Mask&unix.STATX_MNT_ID != 0 {
		if m, ok := mountByID(mounts, st.Mnt_id); ok {
			return m, nil
		}
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return mount{}, err
	}
	if m, ok := mountByPath(mounts, real); ok {
		return m, nil
	}
	return mount{}, fmt.Errorf("%s does not name the mount of %s", k.mountinfo, dir)
}

// judgeRecovery reads a parameter of the kernel's NFS client, which holds for
// all its mounts.
func (k kernel) judgeRecovery() []Result {
	text, err := os.ReadFile(k.recoverLocks)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []Result{{Check: CheckRecoverLocks, Verdict: Warn, Reason: "cannot read the parameter: " + err.Error()}}
	}
	switch strings.TrimSpace(string(text)) {
	case "Y", "1":
		return []Result{{Check: CheckRecoverLocks, Verdict: Unsafe,
			Reason: "the kernel locks again in silence what it lost to another host (nfs.recover_lost_locks=Y): a deposed master is not told",
			Remedy: "echo N > " + k.recoverLocks + ", and remove the option from the kernel's command line and /etc/modprobe.d"}}
	}
	return []Result{{Check: CheckRecoverLocks, Reason: "a lock that is lost is reported (nfs.recover_lost_locks=N)"}}
}

const (
	roomFiles  = 4 // journal files that there should be room for
	roomInodes = 1000
)

// space compares what is free with what a broker needs to start with.
func space(dir string, fileLength int64) []Result {
	if fileLength <= 0 {
		return nil
	}
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(dir, &st) }); err != nil {
		return []Result{{Check: CheckSpace, Verdict: Warn, Reason: "cannot tell the free space: " + named("statfs", dir, err).Error()}}
	}
	size := max(st.Frsize, 1)
	free := int64(min(st.Bavail, uint64(1<<62/size))) * size
	r := Result{Check: CheckSpace, Reason: bytesText(free) + " free"}
	remedy := "make room, or set a smaller journalMaxFileLength"
	switch {
	case free < roomFiles*fileLength:
		r.Verdict, r.Remedy = Warn, remedy
		r.Reason += fmt.Sprintf(", less than %d journal files of %s", roomFiles, bytesText(fileLength))
	case st.Files > 0 && st.Ffree < roomInodes:
		r.Verdict, r.Remedy = Warn, "remove files"
		r.Reason += fmt.Sprintf(", and only %d inodes", st.Ffree)
	case st.Files > 0:
		r.Reason += fmt.Sprintf(", %d inodes", st.Ffree)
	}
	return []Result{r}
}

// bytesText is a size for people, "1.5 GiB".
func bytesText(n int64) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	value, unit := float64(n)/(1<<10), 0
	for value >= 1<<10 && unit < len(units)-1 {
		value, unit = value/(1<<10), unit+1
	}
	return fmt.Sprintf("%.3g %ciB", value, units[unit])
}

// retry calls again what a signal has interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// named says which call failed on what; nil stays nil.
func named(call, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: call, Path: path, Err: err}
}
