package journal

import (
	"strconv"
	"strings"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// What Conclave alone has to remember stands in TRACE commands, which
// ActiveMQ reads over. Their texts begin with tracePrefix; FORMAT.md lists
// them.
const tracePrefix = "conclave/1 "

// fileHead is what the first record of every file says: which mastership
// wrote it, and what that mastership found. All files of a mastership repeat
// it, so that it is known for as long as one of them is there.
type fileHead struct {
	epoch uint64
	first uint32 // the first file of the mastership
	// after is the newest file that it found, 0 for none. Files between the
	// two are not part of the journal.
	after uint32
	// seal is where the journal ended in that file. What it holds from there
	// on is not part of the journal.
	seal int64
}

func (h fileHead) text() string {
	return tracePrefix + "file epoch=" + strconv.FormatUint(h.epoch, 10) +
		" first=" + strconv.FormatUint(uint64(h.first), 10) +
		" after=" + strconv.FormatUint(uint64(h.after), 10) +
		" seal=" + strconv.FormatInt(h.seal, 10)
}

func parseFileHead(text string) (h fileHead, ok bool) {
	rest, ok := strings.CutPrefix(text, tracePrefix+"file ")
	if !ok {
		return h, false
	}
	for part := range strings.FieldsSeq(rest) {
		name, value, _ := strings.Cut(part, "=")
		n, err := strconv.ParseUint(value, 10, 63)
		if err != nil {
			return h, false
		}
		switch name {
		case "epoch":
			h.epoch = n
		case "first":
			h.first = uint32(n)
		case "after":
			h.after = uint32(n)
		case "seal":
			h.seal = int64(n)
		}
	}
	return h, h.after < h.first
}

// stamp numbers a rewriting of a file. Later ones are higher.
type stamp struct{ epoch, serial uint64 }

func (s stamp) after(o stamp) bool {
	return s.epoch > o.epoch || s.epoch == o.epoch && s.serial > o.serial
}

// stampText says, near the beginning of a file, that it was rewritten.
func stampText(s stamp) string {
	return tracePrefix + "compacted epoch=" + strconv.FormatUint(s.epoch, 10) + " serial=" + strconv.FormatUint(s.serial, 10)
}

func parseStamp(text string) (s stamp, ok bool) {
	rest, ok := strings.CutPrefix(text, tracePrefix+"compacted epoch=")
	if !ok {
		return s, false
	}
	epoch, serial, ok := strings.Cut(rest, " serial=")
	var err, err2 error
	s.epoch, err = strconv.ParseUint(epoch, 10, 63)
	s.serial, err2 = strconv.ParseUint(serial, 10, 63)
	return s, ok && err == nil && err2 == nil
}

// replacedText says, in the file being written, that another was rewritten.
func replacedText(number uint32) string {
	return tracePrefix + "replaced segment=" + strconv.FormatUint(uint64(number), 10)
}

func parseReplaced(text string) (number uint32, ok bool) {
	rest, ok := strings.CutPrefix(text, tracePrefix+"replaced segment=")
	n, err := strconv.ParseUint(rest, 10, 31)
	return uint32(n), ok && err == nil
}

// exposedText says that messages of a destination up to the end of a segment
// may have been delivered.
func exposedText(d message.Destination, segment store.Segment) string {
	return tracePrefix + "exposed segment=" + strconv.FormatUint(uint64(segment), 10) + " " + d.String()
}

func parseExposed(text string) (d message.Destination, segment store.Segment, ok bool) {
	rest, ok := strings.CutPrefix(text, tracePrefix+"exposed segment=")
	if !ok {
		return d, 0, false
	}
	digits, name, ok := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil {
		return d, 0, false
	}
	return message.ParseDestination(name, message.Queue), store.Segment(n), true
}

// redeliveredText says how often a message of a queue was given back.
func redeliveredText(d message.Destination, id *message.MessageID, redeliveries int32) string {
	return tracePrefix + "redelivered " + strconv.Itoa(int(redeliveries)) +
		" " + strconv.FormatInt(id.ProducerSequence, 10) +
		" " + strconv.Itoa(len(d.String())) + " " + d.String() + " " + id.Producer.String()
}

func parseRedelivered(text string) (d message.Destination, id identity, redeliveries int32, ok bool) {
	rest, ok := strings.CutPrefix(text, tracePrefix+"redelivered ")
	if !ok {
		return d, id, 0, false
	}
	count, rest, _ := strings.Cut(rest, " ")
	sequence, rest, _ := strings.Cut(rest, " ")
	length, rest, ok := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(count, 10, 32)
	s, err2 := strconv.ParseInt(sequence, 10, 64)
	l, err3 := strconv.ParseUint(length, 10, 31)
	if !ok || err != nil || err2 != nil || err3 != nil || int(l) >= len(rest) || rest[l] != ' ' {
		return d, id, 0, false
	}
	producer, err := message.ParseProducerID(rest[l+1:])
	return message.ParseDestination(rest[:l], message.Queue), identity{producer, s}, int32(n), err == nil
}

// sequenceText says which sequence a producer had reached, when the files
// that showed it are deleted.
func sequenceText(producer message.ProducerID, sequence int64) string {
	return tracePrefix + "sequence " + strconv.FormatInt(sequence, 10) + " " + producer.String()
}

func parseSequence(text string) (producer message.ProducerID, sequence int64, ok bool) {
	rest, ok := strings.CutPrefix(text, tracePrefix+"sequence ")
	if !ok {
		return producer, 0, false
	}
	digits, name, ok := strings.Cut(rest, " ")
	sequence, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil {
		return producer, 0, false
	}
	producer, err = message.ParseProducerID(name)
	return producer, sequence, err == nil
}
