package inspect

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
)

// maxManifest bounds what is read of a manifest, in bytes.
const maxManifest = 64 << 20

// checkManifest compares a backup with its manifest, unless a broker has served
// it since.
func (v *Verdict) checkManifest(o vfs.FS, files []journal.File) {
	name := filepath.Join(v.Directory, ManifestName)
	size, err := o.Size(name)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var m Manifest
	if err == nil {
		var text []byte
		if text, err = readPart(o, name, 0, min(size, maxManifest)); err == nil {
			err = json.Unmarshal(text, &m)
		}
	}
	if err != nil {
		v.find(Finding{Severity: Damaged, File: ManifestName, Reason: err.Error()})
		return
	}
	if len(files) > 0 && m.Position.before(files[len(files)-1].Number, v.end) {
		v.find(Finding{Severity: Note, File: ManifestName, Reason: "a broker has served this backup: it is not compared with its manifest"})
		return
	}
	for _, f := range m.Files {
		if sum, err := sumFile(o, filepath.Join(v.Directory, f.Name)); err != nil {
			v.find(Finding{Severity: Damaged, File: f.Name, Length: f.Bytes, Reason: "of the backup cannot be read: " + err.Error()})
		} else if sum != f.SHA256 {
			v.find(Finding{Severity: Damaged, File: f.Name, Reason: fmt.Sprintf("is not what the backup wrote: its SHA-256 is %s, not %s", sum, f.SHA256), short: true})
		}
	}
}

func sumFile(o vfs.FS, name string) (string, error) {
	f, err := o.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, size)); err != nil {
		return "", err
	}
	return textOf(sum), nil
}
