package journal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/conclavemq/conclave/store"
)

// roster is what the journal says about its own files, so that one that
// somebody deletes or shortens is missed. A file's head lists the files that
// are there when it is begun, and where the one before it ended; files are
// deleted after a record that names them. The newest list counts.
type roster struct {
	file  uint32 // whose head has the list; 0 without one
	files []uint32
	// foreign says that ActiveMQ has written since: it deletes files, too, and
	// does not say which.
	foreign bool
	// ends are where files ended, as their successors say.
	ends map[uint32]int64
	// rewritten are the files that were shortened on purpose.
	rewritten map[uint32]bool
}

// maxRosterText keeps a file's head within what is read of it.
const maxRosterText = 3 << 10

const (
	filesPrefix     = tracePrefix + "files end="
	gonePrefix      = tracePrefix + "gone "
	rewrittenPrefix = tracePrefix + "rewritten"
)

// filesText lists files, of which the last ended at end. Where there are too
// many it leaves out the oldest, about which it says nothing then.
func filesText(files []uint32, end int64) string {
	files = files[max(0, len(files)-maxRoster):]
	text := filesPrefix + strconv.FormatInt(end, 10) + " "
	for from := 0; ; from += (len(files)-from)/8 + 1 {
		if list := rangesText(files[min(from, len(files)):]); len(text)+len(list) <= maxRosterText {
			return text + list
		}
	}
}

// goneTexts name files that are about to be deleted, in as many texts as it
// takes.
func goneTexts(files []uint32) (texts []string) {
	for len(files) > 0 {
		n := min(len(files), 256)
		texts = append(texts, gonePrefix+rangesText(files[:n]))
		files = files[n:]
	}
	return texts
}

// rangesText writes ascending numbers as "1-5,7".
func rangesText(numbers []uint32) string {
	var b strings.Builder
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(numbers[i]), 10))
		if j > i {
			b.WriteString("-" + strconv.FormatUint(uint64(numbers[j]), 10))
		}
		i = j + 1
	}
	return b.String()
}

// maxRoster bounds the files of a list.
const maxRoster = 1 << 16

func parseRanges(text string) (numbers []uint32, ok bool) {
	if text == "" {
		return nil, true
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 31)
		to, errTo := strconv.ParseUint(last, 10, 31)
		if err != nil || errTo != nil || to < from || to-from >= uint64(maxRoster-len(numbers)) {
			return nil, false
		}
		for n := from; n <= to; n++ {
			numbers = append(numbers, uint32(n))
		}
	}
	return numbers, slices.IsSorted(numbers)
}

// note takes in a trace of a file and reports whether it was about files.
func (r *roster) note(file uint32, text string) bool {
	if rest, ok := strings.CutPrefix(text, filesPrefix); ok {
		r.list(file, rest)
	} else if rest, ok := strings.CutPrefix(text, gonePrefix); ok {
		if numbers, ok := parseRanges(rest); ok {
			r.files = slices.DeleteFunc(r.files, func(n uint32) bool {
				_, found := slices.BinarySearch(numbers, n)
				return found
			})
		}
	} else if rest, ok := strings.CutPrefix(text, rewrittenPrefix); ok {
		if numbers, ok := parseRanges(strings.TrimSpace(rest)); ok && len(numbers) > 0 {
			for _, n := range numbers {
				r.shortened(n)
			}
		} else {
			r.shortened(file)
		}
	} else {
		if _, ok := parseStamp(text); ok {
			r.shortened(file)
		}
		return false
	}
	return true
}

// shortened notes that a file may end before the place that its successor says.
func (r *roster) shortened(file uint32) {
	if r.rewritten == nil {
		r.rewritten = map[uint32]bool{}
	}
	r.rewritten[file] = true
}

func (r *roster) list(file uint32, text string) {
	digits, ranges, _ := strings.Cut(text, " ")
	end, err := strconv.ParseInt(digits, 10, 64)
	numbers, ok := parseRanges(ranges)
	if err != nil || !ok || file < r.file {
		return
	}
	r.file, r.files, r.foreign = file, numbers, false
	if last := len(numbers) - 1; last >= 0 && end > 0 {
		if r.ends == nil {
			r.ends = map[uint32]int64{}
		}
		r.ends[numbers[last]] = end
	}
}

const missingReason = "the file is missing or empty"

// absent lists the files that should be there and are not. They are certain
// to be lost, unless ActiveMQ has been master since.
func (r *roster) absent(there func(uint32) bool) (files []uint32) {
	for _, n := range r.files {
		if !there(n) {
			files = append(files, n)
		}
	}
	return files
}

// missing is absent as damage, one for each run of files.
func (r *roster) missing(there func(uint32) bool) (list []Damage) {
	files := r.absent(there)
	for len(files) > 0 {
		n := 1
		for n < len(files) && files[n] == files[n-1]+1 {
			n++
		}
		d := Damage{File: fileName(files[0]), Reason: missingReason, Missing: n, Doubtful: r.foreign}
		for _, f := range files[:n] {
			d.Length += r.ends[f]
		}
		if n > 1 {
			d.Reason = fmt.Sprintf("%d files up to %s are missing or empty", n, fileName(files[n-1]))
		}
		if r.foreign {
			d.Reason += ", unless ActiveMQ has deleted what nothing needed"
		}
		list = append(list, d)
		files = files[n:]
	}
	return list
}

// short is the damage of a file whose batches end before the place that its
// successor says, if they do. What was reported already counts as there.
func (r *roster) short(file uint32, end int64, reported []Damage) (Damage, bool) {
	stated, ok := r.ends[file]
	if !ok || r.rewritten[file] {
		return Damage{}, false
	}
	for _, d := range reported {
		if d.File == fileName(file) && d.Offset <= end && d.Missing == 0 {
			end = max(end, d.Offset+d.Length)
		}
	}
	if end >= stated {
		return Damage{}, false
	}
	return Damage{File: fileName(file), Offset: end, Length: stated - end, Reason: "the file's end is lost; the next file says where it was"}, true
}

// checkFiles reports what is missing of the files themselves.
func (j *Journal) checkFiles(r *replayer, onDisk func(uint32) bool) {
	for _, d := range r.roster.missing(onDisk) {
		r.report(d)
	}
	for _, number := range j.segments.numbers() {
		if d, ok := r.roster.short(number, j.segments.lengthOf(number), r.damage); ok {
			r.report(d)
		}
	}
	if !r.roster.foreign {
		j.lost = r.roster.absent(onDisk)
	}
}

// lastEnd is where the file before the next one ended.
func (j *Journal) lastEnd() int64 {
	if j.writer.current == nil {
		return j.head.seal
	}
	return j.writer.current.pos
}

// leave appends the record that files are about to be deleted. The committer
// calls it: no list that it writes later names them.
func (j *Journal) leave(records []byte, files []uint32) []byte {
	if j.o.DiskSync == Always {
		for _, text := range goneTexts(files) {
			records = appendTrace(records, text)
		}
	}
	j.segments.leave(files)
	return records
}

// listed are the files that a list names: those that are there and, as long as
// an older one is, those that were lost.
func (s *segments) listed(lost []uint32) (numbers []uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, f := range s.byNumber {
		if !f.leaving {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	oldest := slices.Min(numbers)
	for _, n := range lost {
		if n > oldest {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

func (s *segments) leave(files []uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range files {
		if f := s.byNumber[n]; f != nil {
			f.leaving = true
		}
	}
}

func (s *segments) isLeaving(number uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.byNumber[number]
	return f != nil && f.leaving
}

// stay ends the leaving of files that were not deleted after all.
func (s *segments) stay() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.byNumber {
		f.leaving = false
	}
}

// cutTrace returns what follows the prefix of our traces.
func cutTrace(text string) (string, bool) { return strings.CutPrefix(text, tracePrefix) }

// recordGone records deletions that a full disk had no room to record before.
// If there is still none, the next file's list does it. A crash before that
// leaves the files to be reported as missing.
func (j *Journal) recordGone(files []uint32) {
	j.allocator.nudge()
	err := j.appendBuilt(func(_ *store.Unit, k *work) {
		var records []byte
		for _, text := range goneTexts(files) {
			records = appendTrace(records, text)
		}
		k.buf = &records
	})
	if err != nil {
		j.o.Log.Warn("deleted journal files are not recorded yet", "files", rangesText(files), "error", err)
	}
}
