package lock

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// EpochFileName is the name of the file that records the last owner; FORMAT.md
// describes it.
const EpochFileName = "conclave.epoch"

// temporarySuffix ends the name of a new epoch file until it takes the old
// one's place.
const temporarySuffix = ".tmp"

const (
	epochFormat   = 1
	maxEpochBytes = 64 << 10
)

// Holder is who took an epoch, as the epoch file has it.
type Holder struct {
	Epoch  uint64    `json:"epoch"`
	ID     string    `json:"id"` // unique per ownership
	Broker string    `json:"broker"`
	Host   string    `json:"host"`
	PID    int       `json:"pid"`
	Kernel string    `json:"kernel,omitempty"` // which counts the PID; see kernel
	Since  time.Time `json:"since"`            // by the holder's clock
	// WindowMillis is how long the holder's lease stays valid after a proof.
	WindowMillis int64    `json:"windowMillis"`
	Device       uint64   `json:"device"` // of the lock file
	Inode        uint64   `json:"inode"`  // of the lock file
	URIs         []string `json:"uris,omitempty"`
}

// String names the holder for people.
func (h Holder) String() string {
	if h.Epoch == 0 {
		return "an unknown broker"
	}
	return fmt.Sprintf("broker %s (host %s, pid %d, epoch %d, since %s)",
		h.Broker, h.Host, h.PID, h.Epoch, h.Since.Format(time.RFC3339))
}

func (h Holder) window() time.Duration {
	return time.Duration(h.WindowMillis) * time.Millisecond
}

// epochRecord is the first line of the file.
type epochRecord struct {
	Format int `json:"format"`
	Holder
}

const (
	maxWindow = time.Hour // bounds what is believed of another's window
	maxEpoch  = 1<<63 - 1 // fits a signed column of a database
	// The file is padded to multiples of epochGrain, so that a new record has
	// room where the old one was.
	epochGrain = 512
	epochTail  = len("\ncrc32c 00000000\n")
)

// readEpoch returns the last owner, or the zero Holder if the directory has
// had none. An error wrapping ErrDamagedEpoch names the file and the remedy.
func readEpoch(dir string) (Holder, error) {
	path := filepath.Join(dir, EpochFileName)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Holder{}, nil
	}
	if err != nil {
		return Holder{}, fmt.Errorf("read epoch file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxEpochBytes+1))
	if err != nil {
		return Holder{}, fmt.Errorf("read epoch file %s: %w", path, err)
	}
	h, err := decodeEpoch(b)
	if err != nil {
		return Holder{}, fmt.Errorf("%w %s: %w; make sure that no broker runs on this directory and remove the file: "+
			"the epoch is then taken from the journal", ErrDamagedEpoch, path, err)
	}
	return h, nil
}

func encodeEpoch(h Holder) ([]byte, error) {
	line, err := json.Marshal(epochRecord{epochFormat, h})
	if err != nil {
		return nil, err
	}
	if len(line)+epochTail > maxEpochBytes {
		return nil, fmt.Errorf("%d bytes of holder are more than %d", len(line), maxEpochBytes-epochTail)
	}
	size := (len(line) + epochTail + epochGrain - 1) / epochGrain * epochGrain
	line = append(line, bytes.Repeat([]byte{' '}, size-epochTail-len(line))...)
	return fmt.Appendf(nil, "%s\ncrc32c %08x\n", line, checksum(line)), nil
}

func decodeEpoch(b []byte) (Holder, error) {
	if len(b) > maxEpochBytes {
		return Holder{}, fmt.Errorf("longer than %d bytes", maxEpochBytes)
	}
	line, rest, ok := strings.Cut(string(b), "\n")
	if !ok {
		return Holder{}, errors.New("cut short")
	}
	if want := fmt.Sprintf("crc32c %08x\n", checksum([]byte(line))); rest != want {
		return Holder{}, errors.New("checksum does not match")
	}
	var r epochRecord
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		return Holder{}, err
	}
	switch {
	case r.Format != epochFormat:
		return Holder{}, fmt.Errorf("%w: %d", errUnknownFormat, r.Format)
	case r.Epoch == 0 || r.Epoch > maxEpoch:
		return Holder{}, fmt.Errorf("epoch %d", r.Epoch)
	case r.WindowMillis < 0 || r.window() > maxWindow:
		return Holder{}, fmt.Errorf("window of %d ms", r.WindowMillis)
	}
	return r.Holder, nil
}

func checksum(b []byte) uint32 {
	return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
}

// writeEpoch replaces the epoch file and returns once it is durable. It asks
// owned just before the new file takes the old one's place. On a full disk,
// from which messages can be consumed all the same, the old file is written
// over: a crash within that leaves a damaged one.
func writeEpoch(dir string, h Holder, owned func() error) error {
	b, err := encodeEpoch(h)
	if err != nil {
		return fmt.Errorf("write epoch file: %w", err)
	}
	path := filepath.Join(dir, EpochFileName)
	next := path + "." + h.ID + temporarySuffix
	err = writeSynced(next, b, os.O_CREATE|os.O_TRUNC)
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		_ = os.Remove(next) // it may not even be there
		if errOwned := owned(); errOwned != nil {
			return errOwned
		}
		if errOver := writeSynced(path, b, 0); errOver == nil {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("write epoch file: %w", err)
	}
	if err := owned(); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("write epoch file: %w", err)
	}
	return syncDirectory(dir)
}

// sweepEpochs removes what is left of epochs that were not taken, so that a
// rename which was asked for long ago, and is carried out by the storage only
// now, finds nothing to rename.
func sweepEpochs(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), EpochFileName) || !strings.HasSuffix(e.Name(), temporarySuffix) {
			continue
		}
		if gone := os.Remove(filepath.Join(dir, e.Name())); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// writeSynced makes b all that a file holds.
func writeSynced(path string, b []byte, flags int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|flags, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Truncate(int64(len(b)))
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// makeDirectory makes a directory with its parents, and makes durable the names
// of those that were not there: without its name nothing in it is found after a
// power failure.
func makeDirectory(dir string) error {
	var made []string
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		_, err := os.Stat(at)
		if !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		made = append(made, at)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range made {
		if err := syncDirectory(filepath.Dir(name)); err != nil {
			return err
		}
	}
	return nil
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// newHolderID draws an identity for one ownership.
func newHolderID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
