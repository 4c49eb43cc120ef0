package inspect

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
)

// Plan is what Repair would do to a directory.
type Plan struct {
	Directory string       `json:"directory"`
	Files     []FileRepair `json:"files"`
	// Accepted are the names of files that are missing: the journal will say
	// that they are, and nobody misses them again.
	Accepted []string `json:"accepted,omitempty"`
	lost     []uint32
}

// FileRepair is what is done to one file.
type FileRepair struct {
	File string `json:"file"`
	// Aside is the name that the whole file gets, "" if it is rewritten.
	Aside string `json:"aside,omitempty"`
	Cuts  []Cut  `json:"cuts,omitempty"`
	file  journal.File
}

// Cut is a part that is left out when a file is rewritten, and kept in a side
// file.
type Cut struct {
	Offset int64  `json:"offset"`
	Length int64  `json:"length"`
	Reason string `json:"reason"`
	Held   *Held  `json:"held,omitempty"`
	Side   string `json:"side,omitempty"` // name of the side file; "" if there are only zeros
	record bool
}

// Empty says that there is nothing to repair.
func (p *Plan) Empty() bool { return len(p.Files) == 0 && len(p.lost) == 0 }

// NewPlan verifies a directory and says what Repair would do.
func NewPlan(o vfs.FS, directory string) (*Plan, error) {
	v, err := Verify(o, directory)
	if err != nil {
		return nil, err
	}
	if v.More > 0 {
		return nil, fmt.Errorf("%s: more than %d findings: too much to repair file by file", directory, maxFindings)
	}
	files, err := journal.Files(o, directory)
	if err != nil {
		return nil, err
	}
	p := &Plan{Directory: directory, Files: []FileRepair{}, lost: v.lost}
	for _, n := range v.lost {
		p.Accepted = append(p.Accepted, journal.FileName(n))
	}
	for _, f := range files {
		if r := p.repairOf(f, v.Findings); r != nil {
			p.Files = append(p.Files, *r)
		}
	}
	return p, nil
}

func (p *Plan) repairOf(f journal.File, findings []Finding) *FileRepair {
	if f.Orphan {
		return nil
	}
	if f.Limit == 0 {
		return &FileRepair{File: f.Name, Aside: f.Name + asideSuffix, file: f}
	}
	r := &FileRepair{File: f.Name, file: f}
	needed := false
	for i := range findings {
		found := &findings[i]
		if found.File != f.Name || found.Files > 0 || found.Severity == Note {
			continue
		}
		needed = true
		if found.short { // there is nothing to cut
			continue
		}
		r.Cuts = append(r.Cuts, Cut{Offset: found.Offset, Length: found.Length, Reason: found.Reason, Held: found.Held,
			Side: fmt.Sprintf("%s%s-%d", f.Name, asideSuffix, found.Offset), record: found.Record})
	}
	if !needed {
		return nil
	}
	slices.SortFunc(r.Cuts, func(a, b Cut) int { return cmp.Compare(a.Offset, b.Offset) })
	return r
}

// asideSuffix follows the name of a file that is set aside, and with an offset
// that of a part.
const asideSuffix = ".damaged"
