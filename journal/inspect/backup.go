package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/lock"
)

// ManifestName is the file in a backup that says what it is.
const ManifestName = "conclave.backup.json"

// Manifest describes a backup.
type Manifest struct {
	Format   int       `json:"format"` // 1
	Broker   string    `json:"broker"`
	Host     string    `json:"host"`
	From     string    `json:"from"` // directory
	Epoch    uint64    `json:"epoch"`
	Began    time.Time `json:"began"`
	Position Position  `json:"position"` // of the journal that was copied: its end
	Files    []Copied  `json:"files"`
}

// Copied is a file of a backup.
type Copied struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// CopyOptions say what Copy copies. Manifest has no files yet.
type CopyOptions struct {
	Manifest Manifest
	Files    []journal.HeldFile
	// Link has complete files linked instead of copied, where both directories
	// are on one file system: the backup then shares their blocks.
	Link bool
	// Rate bounds the bytes a second; 0 does not.
	Rate int64
	// Progress is told of bytes as they are copied; it may be nil.
	Progress func(copied int64)
}

// ErrNotEmpty reports a target that exists.
var ErrNotEmpty = errors.New("the target is there already")

// Copy makes a backup of files that are held, in a directory that is not there
// or empty. Until the backup is whole it is called to+".tmp"; what was begun and
// not finished is removed.
func Copy(ctx context.Context, to string, o CopyOptions, finish func() error) (*Manifest, error) {
	if names, err := os.ReadDir(to); err == nil && len(names) > 0 {
		return nil, fmt.Errorf("%s: %w", to, ErrNotEmpty)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	temporary := filepath.Clean(to) + ".tmp"
	if err := os.Mkdir(temporary, 0o755); errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s: %w: another backup is under way, or was interrupted: remove it then", temporary, ErrNotEmpty)
	} else if err != nil {
		return nil, err
	}
	c := &copier{ctx: ctx, o: &o, to: temporary, began: time.Now()}
	err := c.all()
	if err == nil && finish != nil {
		err = finish()
	}
	if err == nil {
		err = c.admit(to)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(temporary))
	}
	return &c.o.Manifest, nil
}

// copier is a Copy under way.
type copier struct {
	ctx    context.Context
	o      *CopyOptions
	to     string
	began  time.Time
	copied int64
}

func (c *copier) all() error {
	m := &c.o.Manifest
	m.Format = 1
	for _, f := range c.o.Files {
		copied, err := c.file(f)
		if err != nil {
			return fmt.Errorf("copy %s: %w", f.Name, err)
		}
		m.Files = append(m.Files, copied)
		if !f.Complete {
			number, _ := journal.FileNumber(f.Name)
			m.Position = Position{number, f.Length}
		}
	}
	epoch, err := c.plain(lock.EpochFileName)
	if err == nil {
		m.Files = append(m.Files, epoch)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(c.to, ManifestName), append(text, '\n'))
}

// plain copies a small file.
func (c *copier) plain(name string) (Copied, error) {
	text, err := os.ReadFile(filepath.Join(c.o.Manifest.From, name))
	if err != nil {
		return Copied{}, err
	}
	return Copied{name, int64(len(text)), sumOf(text)}, writeFile(filepath.Join(c.to, name), text)
}

func writeFile(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// admit gives the backup its name, durably.
func (c *copier) admit(to string) error {
	if err := syncDir(c.to); err != nil {
		return err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // an empty directory
	}
	if err := os.Rename(c.to, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(filepath.Clean(to)))
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
