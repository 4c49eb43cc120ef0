package storage

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// maxMountLine bounds a line of mountinfo; the kernel's longest is some pages.
const maxMountLine = 1 << 20

// mount is one line of /proc/self/mountinfo. (proc_pid_mountinfo(5))
type mount struct {
	id      int
	device  string // "8:1"
	point   string // where it is mounted
	options []string
	kind    string // "ext4", "nfs4", "fuse.sshfs"
	source  string // a device, "server:/export"
	super   []string
}

// parseMounts reads all lines, in the kernel's order: of two mounts on one
// point the later one is on top.
func parseMounts(r io.Reader) ([]mount, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxMountLine)
	var mounts []mount
	for lines.Scan() {
		m, err := parseMount(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(mounts)+1, err)
		}
		mounts = append(mounts, m)
	}
	return mounts, lines.Err()
}

// parseMount reads
//
//	36 35 98:0 /root /point rw,noatime master:1 - nfs4 host:/x rw,vers=4.2
//
// with any number of optional fields before the dash. A source may be empty.
func parseMount(line string) (mount, error) {
	fields := strings.Split(line, " ")
	dash := -1
	for i := 6; i < len(fields); i++ {
		if fields[i] == "-" {
			dash = i
			break
		}
	}
	if dash < 0 || len(fields) < dash+4 {
		return mount{}, errors.New("is no mount")
	}
	id, err := strconv.Atoi(fields[0])
	if err != nil {
		return mount{}, errors.New("has no mount id")
	}
	return mount{
		id:      id,
		device:  fields[2],
		point:   unescape(fields[4]),
		options: strings.Split(fields[5], ","),
		kind:    unescape(fields[dash+1]),
		source:  unescape(fields[dash+2]),
		super:   splitOptions(strings.Join(fields[dash+3:], " ")),
	}, nil
}

func splitOptions(text string) []string {
	options := strings.Split(text, ",")
	for i := range options {
		options[i] = unescape(options[i])
	}
	return options
}

// unescape decodes the kernel's \ooo, in which it writes spaces, line feeds
// and backslashes. What is no such sequence stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// option finds name or name=value among the file system's options, then the
// mount's.
func (m *mount) option(name string) (value string, ok bool) {
	for _, options := range [][]string{m.super, m.options} {
		for _, o := range options {
			if key, value, _ := strings.Cut(o, "="); key == name {
				return value, true
			}
		}
	}
	return "", false
}

// number is the value of an option that is one, and fallback for any other.
func (m *mount) number(name string, fallback int) int {
	text, _ := m.option(name)
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return fallback
}

// mountByID is the mount that statx(2) named.
func mountByID(mounts []mount, id uint64) (mount, bool) {
	for _, m := range mounts {
		if uint64(m.id) == id {
			return m, true
		}
	}
	return mount{}, false
}

// mountByPath is the mount on which an absolute path without symbolic links
// lies: the last of those with the longest point.
func mountByPath(mounts []mount, dir string) (mount, bool) {
	best, found := mount{}, false
	for _, m := range mounts {
		if within(m.point, dir) && len(m.point) >= len(best.point) {
			best, found = m, true
		}
	}
	return best, found
}

func within(point, dir string) bool {
	point, dir = path.Clean(point), path.Clean(dir)
	return point == "/" || dir == point || strings.HasPrefix(dir, point+"/")
}
