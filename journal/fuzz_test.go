package journal

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/openwire"
)

// FuzzCommand: no record makes the decoder read beyond it, or fail other than
// by an error.
func FuzzCommand(f *testing.F) {
	e := &encoder{codec: openwire.NewStore(openwire.StoreVersion)}
	for _, c := range wireCases() {
		b, err := e.unit(nil, c.unit)
		require.NoError(f, err)
		if _, record, _, ok := nextRecord(b); ok {
			f.Add(record[recordHead:])
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c command
		if decodeCommand(data, &c) == nil {
			for _, part := range [][]byte{c.transaction, c.destination.name, c.id, c.body, c.ack, c.subscription, c.info, c.text} {
				require.LessOrEqual(t, len(part), len(data))
			}
			_, _ = decodeTransaction(c.transaction)
			_, _, _ = parseExposed(string(c.text))
			_, _, _ = parseSequence(string(c.text))
			_, _ = parseFileHead(string(c.text))
		}
		_, _ = decodeStored(e.codec, data)
		_, _ = storedOpenWireVersion(data)
	})
}

// FuzzFile: whatever a file holds can be replayed, and twice gives the same.
func FuzzFile(f *testing.F) {
	_, _, content := tenBatches(f)
	content = content[:batchOffsets(content)[3]] // small ones are minimised faster
	f.Add(content)
	f.Add(content[:len(content)-20])
	f.Add(bytes.Repeat(eofRecord, 3))
	f.Fuzz(func(t *testing.T, content []byte) {
		disk := vfs.NewMemory()
		overwrite(t, disk, "/j/db-1.log", content)
		o := testOptions(disk, "/j")
		var found [2][]string
		for i := range found {
			r := newReplayer(newIndex(), quiet, func(uint32) bool { return false })
			files := readAhead(&o, []diskFile{{number: 1}}, nil, func(int) int64 { return int64(len(content)) })
			end, err := r.replay(files, 1)
			files.close()
			require.NoError(t, err)
			require.LessOrEqual(t, end, int64(len(content)))
			for _, d := range r.damage {
				require.Positive(t, d.Length)
				require.LessOrEqual(t, d.Offset+d.Length, int64(len(content)))
				found[i] = append(found[i], d.String())
			}
			for _, s := range r.x.destinationStates() {
				found[i] = append(found[i], fmt.Sprint(s.Destination, s.Messages, s.Bytes, len(s.Subscriptions)))
			}
		}
		require.Equal(t, found[0], found[1])
	})
}
