//go:build fault

package fault

import (
	"os"

	"golang.org/x/sys/unix"
)

// heldRange asks whether somebody has the lock of a lock file.
func heldRange(f *os.File) (bool, error) {
	region := unix.Flock_t{Type: unix.F_WRLCK}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &region)
	return region.Type != unix.F_UNLCK, err
}
