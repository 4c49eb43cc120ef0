package journal

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// sealed mends the checksums of a snapshot's sections, as far as it has any.
func sealed(b []byte) []byte {
	b = slices.Clone(b)
	for rest := b[min(len(b), len(snapshotMagic)):]; len(rest) > sectionHead; {
		n := int64(binary.BigEndian.Uint32(rest))
		if n > int64(len(rest))-sectionHead {
			break
		}
		binary.BigEndian.PutUint32(rest[4:], crc32.Checksum(rest[sectionHead:][:n], castagnoli))
		rest = rest[sectionHead+n:]
	}
	return b
}

// FuzzSnapshot: whatever stands in a snapshot, checksums that fit included, it
// is read without harm, and what index comes of it can be worked with.
func FuzzSnapshot(f *testing.F) {
	disk := vfs.NewMemory()
	j := mustOpen(f, testOptions(disk, "/j"))
	topic := message.NewTopic("T")
	info := &message.SubscriptionInfo{ClientID: "x", Name: "s", Destination: topic}
	require.NoError(f, await(j, store.Single(store.Op{Action: store.AddSubscription, Destination: topic, Info: info}, true, nil)))
	for i := int64(1); i <= 20; i++ {
		require.NoError(f, await(j, store.Single(store.Op{Action: store.Add, Destination: topic, Message: kilobyte(topic, i%3, i)}, true, nil)))
	}
	addMessages(f, j, 1, 20)
	require.NoError(f, await(j, exposingOf(testQueue, 1)))
	require.NoError(f, await(j, &store.Unit{Transaction: branch(1), Outcome: store.Prepare, Ops: []store.Op{addition(50)}, Sync: true}))
	require.NoError(f, j.Snapshot(f.Context()))
	require.NoError(f, j.Close())
	file, err := disk.Open(testSnapshot)
	require.NoError(f, err)
	size, err := file.Size()
	require.NoError(f, err)
	content := make([]byte, size)
	_, err = file.ReadAt(content, 0)
	require.NoError(f, err)
	o := testOptions(vfs.NewMemory(), "/j")
	inv, err := inspect(&Options{Directory: "/j", FS: disk, Log: quiet})
	require.NoError(f, err)
	f.Add(content)
	f.Add(content[:len(content)/2])
	f.Fuzz(func(t *testing.T, content []byte) {
		fs := disk.Snapshot()
		overwrite(t, fs, testSnapshot, sealed(content))
		o := o
		o.FS = fs
		onDisk := map[uint32]bool{}
		for _, f := range inv.files {
			onDisk[f.number] = true
		}
		found, _, err := thawSnapshot(&o, inv.files, onDisk, new(atomic.Bool))
		if err != nil {
			return
		}
		x := found.r.x
		require.LessOrEqual(t, x.slab.live, len(content))
		for _, d := range x.destinations {
			last := uint64(0)
			d.order.after(&x.slab, 0, func(h handle) bool {
				e := x.slab.get(h)
				require.Greater(t, e.seq, last)
				last = e.seq
				return true
			})
			x.removeDestination(d, 1)
		}
		require.Zero(t, x.slab.live)
		for name := range x.exposures {
			x.conceal(name, 1)
		}
		require.Empty(t, x.exposures)
	})
}
