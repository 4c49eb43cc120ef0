package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/openwire"
)

// diskFile is a journal file as it was found.
type diskFile struct {
	number uint32
	from   int64 // where it is to be read from
	limit  int64 // bytes that belong to the journal
	sealed bool  // a newer file says where it ends
	seal   int64 // there
	head   *fileHead
}

// inventory is what a directory holds.
type inventory struct {
	files   []diskFile // of the journal, ascending
	orphans []uint32   // written by masters that had been deposed
	highest uint32     // file number in use, of whatever kind
	index   bool       // ActiveMQ's index is there
	// snapshot says that one of the index is there, for whatever journal.
	snapshot bool
	held     []uint32 // files with a second name
	onDisk   map[uint32]bool
	rival    bool // an ActiveMQ that did not stop cleanly may go on as a master
}

const (
	headBytes = 4096 // enough of a file for its first record
	// numberGap is how far a new master's first file is from what it found, so
	// that a deposed one does not come to it by counting on.
	numberGap = 100
	// rivalGap is the same after an ActiveMQ, which does not notice that it has
	// been deposed, and may have small files.
	rivalGap = 10_000
)

var indexFiles = []string{"db.data", "db.redo", "db.free"}

// inspect lists a directory and tells the journal's files from orphans.
func inspect(o *Options) (*inventory, error) {
	names, err := o.FS.List(o.Directory)
	if err != nil {
		return nil, fmt.Errorf("list journal directory: %w", err)
	}
	inv := &inventory{onDisk: map[uint32]bool{}}
	var found []diskFile
	for _, name := range names {
		inv.snapshot = inv.snapshot || name == snapshotName
		inv.index = inv.index || slices.Contains(indexFiles, name)
		if n, ok := heldNumber(name); ok {
			inv.held = append(inv.held, n)
		}
		number, ok := fileNumber(name)
		if !ok {
			continue
		}
		inv.onDisk[number] = true
		inv.highest = max(inv.highest, number)
		f, err := inspectFile(o, number)
		if err != nil {
			return nil, err
		}
		if f.limit == 0 {
			o.Log.Warn("empty journal file is ignored; what it may have held is lost", "file", name)
			continue
		}
		found = append(found, f)
	}
	slices.SortFunc(found, func(a, b diskFile) int { return int(a.number) - int(b.number) })
	inv.chain(found)
	return inv, nil
}

func inspectFile(o *Options, number uint32) (diskFile, error) {
	name := filepath.Join(o.Directory, fileName(number))
	f := diskFile{number: number}
	handle, err := o.FS.Open(name)
	if err != nil {
		return f, fmt.Errorf("open journal file: %w", err)
	}
	defer handle.Close()
	if f.limit, err = handle.Size(); err != nil {
		return f, fmt.Errorf("size of journal file: %w", err)
	}
	f.head, err = readHead(handle, number, f.limit)
	return f, err
}

// readHead reads the head record, if the file was begun by us.
func readHead(handle vfs.File, number uint32, size int64) (*fileHead, error) {
	s := &scanner{file: handle, length: min(size, headBytes)}
	payload, state, err := s.next(0)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", fileName(number), err)
	}
	if state != batchValid {
		return nil, nil
	}
	_, record, _, ok := nextRecord(payload)
	var c command
	if !ok || decodeCommand(record[recordHead:], &c) != nil || c.kind != entryTrace {
		return nil, nil
	}
	h, ok := parseFileHead(string(c.text))
	if !ok || h.first > number {
		return nil, nil
	}
	return &h, nil
}

// chain walks from the newest file to the oldest. A file of ours says between
// which numbers there are orphans, and where the file below them was sealed.
func (inv *inventory) chain(found []diskFile) {
	var head fileHead
	for _, f := range slices.Backward(found) {
		if f.number > head.after && f.number < head.first {
			inv.orphans = append(inv.orphans, f.number)
			continue
		}
		if f.number == head.after {
			f.limit = min(f.limit, head.seal)
			f.sealed, f.seal = true, head.seal
		}
		if f.head != nil {
			head = *f.head
		}
		inv.files = append(inv.files, f)
	}
	slices.Reverse(inv.files)
	slices.Reverse(inv.orphans)
}

// The place of metadata in ActiveMQ's index: page 0 follows a header of one
// page, and begins with a header of its own. (ActiveMQ: PageFile, Page,
// MessageDatabase.Metadata.read)
const (
	indexPageHead   = 21
	indexMinPage    = 512
	indexLocation   = 8
	legacyOpenWire  = 6
	indexVersionAck = 5 // since which the location of the acknowledgement map is there
)

// checkStoreVersion refuses a directory whose index says that its messages
// are in another OpenWire version.
func checkStoreVersion(o *Options) error {
	handle, err := o.FS.Open(filepath.Join(o.Directory, "db.data"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open ActiveMQ's index: %w", err)
	}
	defer handle.Close()
	header := make([]byte, 2*4096)
	n, _ := handle.ReadAt(header, 0)
	version, ok := storedOpenWireVersion(header[:n])
	if ok && version != openwire.StoreVersion {
		return fmt.Errorf("%s: version %d, not %d (start ActiveMQ with storeOpenWireVersion=%d on an empty directory and move the messages): %w",
			o.Directory, version, openwire.StoreVersion, openwire.StoreVersion, ErrStoreVersion)
	}
	return nil
}

// storedOpenWireVersion reads the version from the beginning of db.data.
func storedOpenWireVersion(b []byte) (version int32, ok bool) {
	const page = 4096
	if len(b) < page+indexPageHead+64 || b[page] == 0 {
		return 0, false
	}
	b = b[page+indexPageHead:]
	b = b[4+8:] // state, page of the destinations
	skip := func() {
		if b[0] != 0 {
			b = b[indexLocation:]
		}
		b = b[1:]
	}
	skip() // last update
	skip() // first transaction in progress
	skip() // producer audit
	layout := int32(binary.BigEndian.Uint32(b))
	b = b[4:]
	if layout < 1 || layout > 100 {
		return 0, false
	}
	if layout >= indexVersionAck {
		skip()
	}
	if version = int32(binary.BigEndian.Uint32(b)); version == 0 {
		version = legacyOpenWire
	}
	return version, true
}

// removeIndex deletes ActiveMQ's index, which would be stale after our first
// write.
func removeIndex(o *Options, inv *inventory) error {
	if !inv.index {
		return nil
	}
	return removeFiles(o, indexFiles)
}

// removeNames deletes files, which need not be there.
func removeNames(o *Options, names []string) error {
	for _, name := range names {
		err := o.FS.Remove(filepath.Join(o.Directory, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return nil
}

// removeFiles is removeNames that is durable.
func removeFiles(o *Options, names []string) error {
	if err := removeNames(o, names); err != nil {
		return err
	}
	if err := o.FS.SyncDir(o.Directory); err != nil {
		return fmt.Errorf("sync journal directory: %w", err)
	}
	return nil
}

// mostOrphans bounds the files of one name that are set aside: a broker that
// did not notice makes it again whenever it opens it.
const mostOrphans = 100

// setOrphansAside renames the files of deposed masters, so that no broker
// reads them. They are kept: a broker that did not notice may have confirmed
// what they hold.
func setOrphansAside(o *Options, inv *inventory) error {
	for _, number := range inv.orphans {
		err := setAside(o, fileName(number))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set orphaned journal file aside: %w", err)
		}
	}
	return nil
}

func setAside(o *Options, name string) (err error) {
	aside := name + orphanSuffix
	for i := 2; i <= mostOrphans; i++ {
		err = o.FS.Claim(filepath.Join(o.Directory, name), filepath.Join(o.Directory, aside))
		if !errors.Is(err, fs.ErrExist) {
			break
		}
		aside = fmt.Sprintf("%s.%d%s", name, i, orphanSuffix)
	}
	if errors.Is(err, fs.ErrExist) {
		err = o.FS.Rename(filepath.Join(o.Directory, name), filepath.Join(o.Directory, aside))
	}
	if err == nil {
		o.Log.Error("journal file of a deposed master is set aside", "file", name, "as", aside)
	}
	return err
}

// orphanSuffix ends the names of files that were set aside.
const orphanSuffix = ".orphan"
