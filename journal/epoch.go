package journal

import (
	"path/filepath"
	"slices"

	"github.com/conclavemq/conclave/journal/vfs"
)

// LastEpoch is the epoch that the newest journal file of a directory was begun
// in, as far as that can be read; 0 where no file says. Whoever takes a lock
// whose own record is lost begins above it.
func LastEpoch(directory string) uint64 { return lastEpoch(vfs.OS{}, directory) }

func lastEpoch(fs vfs.FS, directory string) uint64 {
	names, err := fs.List(directory)
	if err != nil {
		return 0
	}
	var numbers []uint32
	for _, name := range names {
		if n, ok := fileNumber(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range slices.Backward(numbers) {
		if epoch := epochOf(fs, directory, n); epoch > 0 {
			return epoch
		}
	}
	return 0
}

// epochOf reads one file's head.
func epochOf(fs vfs.FS, directory string, number uint32) uint64 {
	handle, err := fs.Open(filepath.Join(directory, fileName(number)))
	if err != nil {
		return 0
	}
	defer handle.Close()
	size, err := handle.Size()
	if err != nil {
		return 0
	}
	head, err := readHead(handle, number, size)
	if err != nil || head == nil {
		return 0
	}
	return head.epoch
}
