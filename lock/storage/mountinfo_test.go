package storage

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestParseMount(t *testing.T) {
	for name, row := range map[string]struct {
		line string
		want mount
	}{
		"plain": {
			"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
			mount{36, "98:0", "/mnt2", []string{"rw", "noatime"}, "ext3", "/dev/root", []string{"rw", "errors=continue"}}},
		"no optional fields": {
			"1 0 0:1 / / rw - rootfs rootfs rw",
			mount{1, "0:1", "/", []string{"rw"}, "rootfs", "rootfs", []string{"rw"}}},
		"several": {
			"1 0 0:1 / / rw shared:1 master:2 propagate_from:3 - tmpfs tmpfs rw",
			mount{1, "0:1", "/", []string{"rw"}, "tmpfs", "tmpfs", []string{"rw"}}},
		"escapes": {
			`9 1 0:44 / /mnt/my\040disk\134x\011 rw - nfs4 nas:/my\040export rw,vers=4.2,fsc=a\054b`,
			mount{9, "0:44", "/mnt/my disk\\x\t", []string{"rw"}, "nfs4", "nas:/my export", []string{"rw", "vers=4.2", "fsc=a,b"}}},
		"no source": {
			"9 1 0:44 / /f rw - fuse.x  rw,user_id=0",
			mount{9, "0:44", "/f", []string{"rw"}, "fuse.x", "", []string{"rw", "user_id=0"}}},
		"a point called dash": {
			"9 1 0:44 - - rw - tmpfs - rw",
			mount{9, "0:44", "-", []string{"rw"}, "tmpfs", "-", []string{"rw"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseMount(row.line)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(row.want, got, cmp.AllowUnexported(mount{})))
		})
	}
	for _, line := range []string{"", "x", "1 2 3", "1 0 0:1 / / rw - tmpfs", "x 0 0:1 / / rw - tmpfs t rw", "1 0 0:1 / / rw x tmpfs t rw", strings.Repeat(" ", 40)} {
		_, err := parseMount(line)
		require.Error(t, err, "%q", line)
	}
	_, err := parseMounts(strings.NewReader("1 0 0:1 / / rw - tmpfs t rw\nbad\n"))
	require.ErrorContains(t, err, "line 2")
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		``: ``, `a`: `a`, `\040`: ` `, `\134040`: `\040`, `\04`: `\04`, `\`: `\`, `\999`: `\999`, `a\012b`: "a\nb", `\777`: `\777`,
	} {
		require.Equal(t, want, unescape(in), "%q", in)
	}
}

func TestMountByPath(t *testing.T) {
	mounts, err := parseMounts(strings.NewReader(`1 0 0:1 / / rw - ext4 a rw
2 1 0:2 / /mnt rw - ext4 b rw
3 2 0:3 / /mnt/x rw - ext4 c rw
4 2 0:4 / /mnt/x rw - ext4 over rw
`))
	require.NoError(t, err)
	for dir, want := range map[string]string{"/": "a", "/mnt": "b", "/mntx": "a", "/mnt/x": "over", "/mnt/x/y": "over", "/mnt/xy": "b"} {
		m, ok := mountByPath(mounts, dir)
		require.True(t, ok)
		require.Equal(t, want, m.source, dir)
	}
	_, ok := mountByPath(nil, "/")
	require.False(t, ok)
	m, ok := mountByID(mounts, 3)
	require.True(t, ok)
	require.Equal(t, "c", m.source)
}

// The kernel's own table can be read, whatever this machine has mounted.
func TestParseThisMachine(t *testing.T) {
	f, err := os.Open("/proc/self/mountinfo")
	require.NoError(t, err)
	defer f.Close()
	mounts, err := parseMounts(f)
	require.NoError(t, err)
	_, ok := mountByPath(mounts, "/proc")
	require.True(t, ok)
}

func FuzzParseMounts(f *testing.F) {
	f.Add("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n")
	f.Add("9 1 0:44 / /mnt/my\\040disk rw - nfs4 nas:/x rw,vers=3,nolock,acregmin=-1\n")
	f.Fuzz(func(t *testing.T, text string) {
		mounts, err := parseMounts(strings.NewReader(text))
		if err != nil {
			return
		}
		for i := range mounts {
			for _, r := range judge(&mounts[i]) {
				if r.Check == "" || r.Reason == "" || r.Verdict == Unsafe && r.Remedy == "" {
					t.Fatalf("incomplete: %+v", r)
				}
			}
			_, _ = mountByPath(mounts, mounts[i].point)
		}
	})
}
