package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// diskRates are writes a second of which each was followed by fdatasync.
type diskRates struct {
	Append       float64 `json:"append4KiB"`       // 4 KiB, the file grows with each
	Preallocated float64 `json:"preallocated1KiB"` // 1 KiB, into a file that was filled with zeros
}

const (
	appendSize       = 4 << 10
	preallocatedSize = 1 << 10
	preallocation    = 32 << 20
)

// measureDisk takes d for each of the two rates, in a file of dir that is
// removed afterwards.
func measureDisk(dir string, d time.Duration) (diskRates, error) {
	var rates diskRates
	var err error
	if rates.Append, err = writeRate(dir, appendSize, 0, d); err != nil {
		return rates, err
	}
	rates.Preallocated, err = writeRate(dir, preallocatedSize, preallocation, d)
	return rates, err
}

// writeRate appends blocks of size bytes for d, from the start again when the
// filled bytes are used up.
func writeRate(dir string, size int, filled int64, d time.Duration) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "disk-reference"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := fill(f, filled); err != nil {
		return 0, err
	}
	block := make([]byte, size)
	for i := range block {
		block[i] = byte(i)
	}
	var offset int64
	n, start := 0, time.Now()
	for time.Since(start) < d {
		if filled > 0 && offset+int64(size) > filled {
			offset = 0
		}
		if _, err := f.WriteAt(block, offset); err != nil {
			return 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, fmt.Errorf("fdatasync: %w", err)
		}
		offset += int64(size)
		n++
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

func fill(f *os.File, size int64) error {
	zeros := make([]byte, 1<<20)
	for n := int64(0); n < size; n += int64(len(zeros)) {
		if _, err := f.Write(zeros[:min(int64(len(zeros)), size-n)]); err != nil {
			return err
		}
	}
	return f.Sync()
}
