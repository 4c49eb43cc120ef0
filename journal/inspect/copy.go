package inspect

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/conclavemq/conclave/journal"
)

// file copies a journal file: a complete one as it is, of the one that is being
// written what belongs to the moment.
func (c *copier) file(f journal.HeldFile) (Copied, error) {
	name, target := filepath.Join(c.o.Manifest.From, f.Name), filepath.Join(c.to, f.Name)
	from, err := os.Open(name)
	if err != nil {
		return Copied{}, err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return Copied{}, err
	}
	if info.Size() < f.Length {
		return Copied{}, fmt.Errorf("it has %d bytes and should have %d", info.Size(), f.Length)
	}
	if f.Complete && c.o.Link && os.Link(name, target) == nil {
		sum, n, err := c.pass(io.Discard, from, info.Size())
		return Copied{f.Name, n, sum}, err
	}
	to, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return Copied{}, err
	}
	copied, err := c.fill(to, from, f, info.Size())
	if err == nil {
		err = to.Sync()
	}
	copied.Name = f.Name
	return copied, errors.Join(err, to.Close())
}

func (c *copier) fill(to, from *os.File, f journal.HeldFile, size int64) (copied Copied, err error) {
	if f.Complete {
		// Where the file system can, the copy shares blocks until one changes.
		if unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) == nil {
			copied.SHA256, copied.Bytes, err = c.pass(io.Discard, from, size)
			return copied, err
		}
		copied.SHA256, copied.Bytes, err = c.pass(to, from, size)
		return copied, err
	}
	sum := sha256.New()
	if copied.Bytes, err = c.move(io.MultiWriter(to, sum), from, f.Length); err != nil {
		return copied, err
	}
	n, err := io.MultiWriter(to, sum).Write(journal.EndOfFile())
	copied.Bytes += int64(n)
	copied.SHA256 = textOf(sum)
	return copied, err
}

// pass moves n bytes and returns their checksum.
func (c *copier) pass(to io.Writer, from io.Reader, n int64) (string, int64, error) {
	sum := sha256.New()
	moved, err := c.move(io.MultiWriter(to, sum), from, n)
	return textOf(sum), moved, err
}

// move copies n bytes, no faster than the rate.
func (c *copier) move(to io.Writer, from io.Reader, n int64) (moved int64, err error) {
	b := make([]byte, copyBuffer)
	for moved < n {
		if err := c.ctx.Err(); err != nil {
			return moved, err
		}
		part := b[:min(int64(len(b)), n-moved)]
		if _, err := io.ReadFull(from, part); err != nil {
			return moved, err
		}
		if _, err := to.Write(part); err != nil {
			return moved, err
		}
		moved += int64(len(part))
		c.copied += int64(len(part))
		if c.o.Progress != nil {
			c.o.Progress(c.copied)
		}
		if err := c.wait(); err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// wait lets time catch up with the rate.
func (c *copier) wait() error {
	if c.o.Rate <= 0 {
		return nil
	}
	due := time.Duration(float64(c.copied) / float64(c.o.Rate) * float64(time.Second))
	timer := time.NewTimer(due - time.Since(c.began))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

func textOf(sum hash.Hash) string { return hex.EncodeToString(sum.Sum(nil)) }

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
