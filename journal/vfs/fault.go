package vfs

// Call names an operation of a file system.
type Call uint8

// The operations that a Faulty can make fail.
const (
	CallCreate Call = iota
	CallOpen
	CallRead
	CallWrite
	CallSync
	CallClose
	CallRename
	CallRemove
	CallSyncDir
	CallList
)

// Faulty passes operations on to FS, unless Fault has an error for them.
type Faulty struct {
	FS FS
	// Fault is asked before every operation, from any goroutine. A non-nil
	// error is returned instead of the operation being done.
	Fault func(call Call, name string) error
	// After is told of every operation that was done, if it is not nil.
	After func(call Call, name string)
}

func (f *Faulty) do(call Call, name string, op func() error) error {
	if err := f.Fault(call, name); err != nil {
		return err
	}
	err := op()
	if f.After != nil {
		f.After(call, name)
	}
	return err
}

// MkdirAll makes a directory.
func (f *Faulty) MkdirAll(dir string) error { return f.FS.MkdirAll(dir) }

// List returns the names in dir.
func (f *Faulty) List(dir string) (names []string, err error) {
	err = f.do(CallList, dir, func() error { names, err = f.FS.List(dir); return err })
	return names, err
}

// Create opens an empty file.
func (f *Faulty) Create(name string) (File, error) { return f.open(CallCreate, name, f.FS.Create) }

// Open opens a file for reading.
func (f *Faulty) Open(name string) (File, error) { return f.open(CallOpen, name, f.FS.Open) }

func (f *Faulty) open(call Call, name string, open func(string) (File, error)) (File, error) {
	var file File
	err := f.do(call, name, func() (err error) { file, err = open(name); return err })
	if err != nil {
		return nil, err
	}
	return &faultyFile{f, file, name}, nil
}

// Rename replaces newName by oldName.
func (f *Faulty) Rename(oldName, newName string) error {
	return f.do(CallRename, newName, func() error { return f.FS.Rename(oldName, newName) })
}

// Claim renames a file to a free name.
func (f *Faulty) Claim(oldName, newName string) error {
	return f.do(CallRename, newName, func() error { return f.FS.Claim(oldName, newName) })
}

// Remove deletes a file.
func (f *Faulty) Remove(name string) error {
	return f.do(CallRemove, name, func() error { return f.FS.Remove(name) })
}

// Size is the length of a file.
func (f *Faulty) Size(name string) (int64, error) { return f.FS.Size(name) }

// SyncDir makes the names in dir durable.
func (f *Faulty) SyncDir(dir string) error {
	return f.do(CallSyncDir, dir, func() error { return f.FS.SyncDir(dir) })
}

type faultyFile struct {
	fs   *Faulty
	file File
	name string
}

func (f *faultyFile) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.fs.do(CallRead, f.name, func() error { n, err = f.file.ReadAt(p, off); return err })
	return n, err
}

func (f *faultyFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.fs.do(CallWrite, f.name, func() error { n, err = f.file.WriteAt(p, off); return err })
	return n, err
}

func (f *faultyFile) Sync() error { return f.fs.do(CallSync, f.name, f.file.Sync) }

func (f *faultyFile) Close() error {
	err := f.fs.Fault(CallClose, f.name)
	if closeErr := f.file.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (f *faultyFile) Size() (int64, error) { return f.file.Size() }
