package journal

import "strings"

// Register checks the files of a directory against what they say about each
// other. Records are given to it in the order of the journal.
type Register struct {
	r    roster
	ends map[uint32]int64
}

// Record takes in a record of a file.
func (g *Register) Record(file uint32, r *Record) {
	if r.Err != nil || r.c.kind != entryTrace {
		return
	}
	text := string(r.c.text)
	if _, ours := cutTrace(text); !ours {
		g.r.foreign = true
		return
	}
	g.r.note(file, text)
}

// Ended says where the batches of a file end.
func (g *Register) Ended(file uint32, end int64) {
	if g.ends == nil {
		g.ends = map[uint32]int64{}
	}
	g.ends[file] = end
}

// Knows reports that the files say which of them there are.
func (g *Register) Knows() bool { return g.r.file != 0 }

// Damage lists the files that are missing, and those that end early, unless
// that has been reported as other damage.
func (g *Register) Damage(reported []Damage) []Damage {
	there := func(n uint32) bool { _, ok := g.ends[n]; return ok }
	list := g.r.missing(there)
	for number, end := range g.ends {
		if d, ok := g.r.short(number, end, reported); ok {
			list = append(list, d)
		}
	}
	return list
}

// Lost lists the files that are missing for certain.
func (g *Register) Lost() []uint32 {
	if g.r.foreign {
		return nil
	}
	return g.r.absent(func(n uint32) bool { _, ok := g.ends[n]; return ok })
}

// AppendAccepted appends records to b that say that files are missing with
// consent.
func AppendAccepted(b []byte, files []uint32) []byte {
	for _, text := range goneTexts(files) {
		b = appendTrace(b, text)
	}
	return b
}

// AppendRewritten appends a record to b that says that files were shortened on
// purpose: the named ones or, without, the one that it is in.
func AppendRewritten(b []byte, files ...uint32) []byte {
	if len(files) == 0 {
		return appendTrace(b, rewrittenPrefix)
	}
	for len(files) > 0 {
		n := min(len(files), 256)
		b = appendTrace(b, rewrittenPrefix+" "+rangesText(files[:n]))
		files = files[n:]
	}
	return b
}

// AboutFiles reports that a Register has to know the record.
func (r *Record) AboutFiles() bool {
	if r.Err != nil || r.c.kind != entryTrace {
		return false
	}
	text := string(r.c.text)
	_, ours := cutTrace(text)
	_, stamped := parseStamp(text)
	return !ours || stamped || strings.HasPrefix(text, filesPrefix) || strings.HasPrefix(text, gonePrefix) || strings.HasPrefix(text, rewrittenPrefix)
}
