package control

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// EnvDirectory names the environment variable that sets the runtime directory.
const EnvDirectory = "CONCLAVE_RUNTIME_DIR"

// ownDirectory is where this process puts its socket: the variable's
// directory, else conclave below the user's runtime directory, else
// /tmp/conclave-<uid>. It is created if it is missing.
func ownDirectory() (string, error) {
	dir := os.Getenv(EnvDirectory)
	if dir == "" {
		if base := os.Getenv("XDG_RUNTIME_DIR"); base != "" {
			dir = filepath.Join(base, "conclave")
		} else {
			dir = temporary(strconv.Itoa(os.Getuid()))
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("runtime directory: %w", err)
	}
	if owner, err := ownerOf(dir); err != nil {
		return "", err
	} else if owner != os.Getuid() {
		return "", fmt.Errorf("runtime directory %s belongs to user %d", dir, owner)
	}
	return dir, nil
}

// directories are all the places where this user may find sockets; root looks
// at everybody's.
func directories() []string {
	uid := strconv.Itoa(os.Getuid())
	patterns := []string{"/run/conclave", "/run/user/" + uid + "/conclave", temporary(uid)}
	if os.Getuid() == 0 {
		patterns = []string{"/run/conclave", "/run/user/*/conclave", temporary("*")}
	}
	for _, base := range []string{os.Getenv(EnvDirectory), os.Getenv("XDG_RUNTIME_DIR")} {
		if base != "" {
			patterns = append(patterns, base, filepath.Join(base, "conclave"))
		}
	}
	seen := make(map[string]bool)
	var found []string
	for _, pattern := range patterns {
		matches, _ := filepath.Glob(pattern) // the patterns are well formed
		for _, dir := range matches {
			if _, err := ownerOf(dir); err == nil && !seen[dir] {
				seen[dir] = true
				found = append(found, dir)
			}
		}
	}
	return found
}

func temporary(user string) string {
	return filepath.Join(os.TempDir(), "conclave-"+user)
}

// ownerOf returns the user that a directory belongs to. Anything but a
// directory that others cannot write to is refused.
func ownerOf(dir string) (int, error) {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return 0, fmt.Errorf("runtime directory %s: %w", dir, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Mode&0o022 != 0 {
		return 0, fmt.Errorf("runtime directory %s: not a directory that its user alone can write to", dir)
	}
	return int(st.Uid), nil
}
