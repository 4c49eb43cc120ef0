package storage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// found are the checks that are not OK, "name VERDICT".
func found(results []Result) []string {
	var names []string
	for _, r := range results {
		if r.Verdict != OK {
			names = append(names, r.Check+" "+r.Verdict.String())
		}
	}
	return names
}

func TestJudge(t *testing.T) {
	for line, want := range map[string][]string{
		"ext4 /dev/sda1 rw":                   nil,
		"xfs /dev/sda1 rw,attr2,noquota":      nil,
		"ext4 /dev/sda1 rw,barrier=0":         {"sync-options WARN"},
		"ext4 /dev/sda1 rw,barrier=1":         nil,
		"xfs /dev/sda1 rw,nobarrier":          {"sync-options WARN"},
		"ext4 /dev/sda1 ro,errors=remount-ro": {"read-only UNSAFE"},
		"tmpfs tmpfs rw":                      {"mount WARN"},
		"ramfs ramfs rw":                      {"mount WARN"},
		"overlay overlay rw,lowerdir=/l":      {"mount WARN"},
		"overlay overlay rw,volatile":         {"mount WARN", "sync-options UNSAFE"},
		"fuse.sshfs host: rw":                 {"mount WARN"},
		"fuse f rw":                           {"mount WARN"},
		"virtiofs v rw":                       {"mount WARN"},

		"nfs4 n:/ rw,vers=4.2,hard,local_lock=none":  nil,
		"nfs4 n:/ rw,vers=4.0,hard":                  nil,
		"nfs n:/ rw,vers=3,hard,local_lock=none":     {"nfs-version UNSAFE"},
		"nfs n:/ rw,vers=2":                          {"nfs-version UNSAFE"},
		"nfs n:/ rw,vers=3.0":                        {"nfs-version UNSAFE"},
		"nfs n:/ rw,vers=3,nolock,local_lock=all":    {"nfs-version UNSAFE", "lock-options UNSAFE", "lock-options UNSAFE"},
		"nfs4 n:/ rw,vers=4.1,local_lock=all":        {"lock-options UNSAFE"},
		"nfs4 n:/ rw,vers=4.1,local_lock=posix":      {"lock-options UNSAFE"},
		"nfs4 n:/ rw,vers=4.1,local_lock=flock":      {"lock-options WARN"},
		"nfs4 n:/ rw,vers=4.1,soft":                  {"error-options WARN"},
		"nfs4 n:/ rw,vers=4.1,softerr":               {"error-options WARN"},
		"nfs4 n:/ rw,vers=4.1,nocto":                 {"cache-options UNSAFE"},
		"nfs4 n:/ rw,vers=4.1,sync,noac":             nil,
		"nfs4 n:/ rw,vers=4.1,acregmax=600":          {"cache-options WARN"},
		"nfs4 n:/ rw,vers=4.1,acdirmin=61":           {"cache-options WARN"},
		"nfs4 n:/ rw,vers=4.1,acregmin=1,acregmax=1": nil,

		"cifs //s/x rw,vers=3.1.1,cache=strict,serverino": {"mount WARN"},
		"cifs //s/x rw,nobrl":                             {"mount WARN", "lock-options UNSAFE"},
		"cifs //s/x rw,cache=loose,noserverino,soft":      {"mount WARN", "cache-options UNSAFE", "cache-options WARN", "error-options WARN"},
		"9p h rw,version=9p2000.u":                        {"mount WARN", "lock-options UNSAFE"},
		"9p h rw,version=9p2000.L,cache=loose":            {"mount WARN", "cache-options WARN"},
		"lustre h rw,flock":                               {"mount WARN"},
		"lustre h rw,localflock":                          {"mount WARN", "lock-options UNSAFE"},
		"gfs2 h rw,lockproto=lock_nolock":                 {"mount WARN", "lock-options UNSAFE"},
		"ocfs2 h rw,localflocks":                          {"mount WARN", "lock-options UNSAFE"},
		// An option that means something elsewhere.
		"ext4 /dev/sda1 rw,nolock,vers=3": nil,
	} {
		m, err := parseMount("7 1 0:9 / /shared rw,relatime - " + line)
		require.NoError(t, err, line)
		results := judge(&m)
		require.Empty(t, cmp.Diff(want, found(results)), line)
		require.Equal(t, CheckMount, results[0].Check, "the kind is always said")
		for _, r := range results {
			require.Equal(t, r.Verdict != OK, r.Remedy != "", "%s: %s", line, r)
			if r.Verdict == Unsafe {
				require.Contains(t, startChecks, r.Check, "it can be allowed by name")
			}
		}
	}
}

// with is a kernel of which the directory's mount and the parameter are given.
func with(t *testing.T, dir, tail, parameter string) kernel {
	t.Helper()
	var st unix.Statx_t
	require.NoError(t, unix.Statx(unix.AT_FDCWD, dir, 0, unix.STATX_MNT_ID, &st))
	k := kernel{filepath.Join(t.TempDir(), "mountinfo"), filepath.Join(t.TempDir(), "recover")}
	line := strings.ReplaceAll("ID 1 0:1 / / rw - ", "ID", itoa(st.Mnt_id)) + tail + "\n"
	require.NoError(t, os.WriteFile(k.mountinfo, []byte("1000001 1 0:1 / /other rw - ext4 x rw\n"+line), 0o600))
	if parameter != "" {
		require.NoError(t, os.WriteFile(k.recoverLocks, []byte(parameter), 0o600))
	}
	return k
}

func TestRecoverLostLocks(t *testing.T) {
	dir := t.TempDir()
	for _, row := range []struct {
		tail, parameter string
		want            []string
	}{
		{"nfs4 n:/ rw,vers=4.2", "N\n", nil},
		{"nfs4 n:/ rw,vers=4.2", "", nil}, // not a kernel that has it
		{"nfs4 n:/ rw,vers=4.2", "Y\n", []string{"recover-lost-locks UNSAFE"}},
		{"nfs4 n:/ rw,vers=4.2", "1", []string{"recover-lost-locks UNSAFE"}},
		{"ext4 n rw", "Y\n", nil}, // nothing to it
	} {
		require.Equal(t, row.want, found(with(t, dir, row.tail, row.parameter).inspect(dir, 0)), "%+v", row)
	}
}

func TestInspect(t *testing.T) {
	dir := t.TempDir()
	results := Inspect(filepath.Join(dir, "not", "yet", "there"), 1<<20)
	require.Len(t, results, 2)
	require.Equal(t, CheckMount, results[0].Check)
	require.Equal(t, CheckSpace, results[1].Check)
	require.Equal(t, OK, results[1].Verdict, results[1])
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "nothing is made")

	results = Inspect(dir, 1<<60)
	require.Equal(t, Warn, results[1].Verdict)
	require.Contains(t, results[1].Reason, "less than 4 journal files of 1 EiB")

	k := kernel{mountinfo: filepath.Join(dir, "none")}
	require.Equal(t, []string{"mount WARN"}, found(k.inspect(dir, 0)), "without /proc a start goes on")
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1 << 10: "1 KiB", 3 << 19: "1.5 MiB", 1<<63 - 1: "8 EiB"} {
		require.Equal(t, want, bytesText(n))
	}
}

func TestParseNames(t *testing.T) {
	names, err := ParseNames(" nfs-version, read-only,")
	require.NoError(t, err)
	require.Equal(t, map[string]bool{"nfs-version": true, "read-only": true}, names)
	names, err = ParseNames("")
	require.NoError(t, err)
	require.Empty(t, names)
	for _, list := range []string{"all", "nfs-version,exclusion", "x y"} {
		_, err := ParseNames(list)
		require.ErrorContains(t, err, "there are mount, read-only, nfs-version", "%q", list)
	}
}
