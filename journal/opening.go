package journal

import "time"

// Origin is where the index of an opened journal came from.
type Origin string

// The origins. What came after was replayed.
const (
	FromFiles     Origin = "files"     // the whole journal was replayed
	FromSnapshot  Origin = "snapshot"  // a snapshot was read
	FromFollowing Origin = "following" // a Follower had it
)

// Opening says how a journal was opened, and how long each step took.
type Opening struct {
	From             Origin
	SnapshotMessages int       // in the snapshot that was used
	SnapshotAt       time.Time // when that was written
	Bytes            int64     // that were replayed
	Records          int
	Inspect          time.Duration // what files there are
	Snapshot         time.Duration // reading it, and knowing the files again
	Replay           time.Duration // of the rest
	Inherit          time.Duration // the copy of the newest file, beyond the replay
	Begin            time.Duration // the first file of this mastership
}

// snapshot notes that one is used.
func (o *Opening) snapshot(at time.Time, t *trail) {
	o.From, o.SnapshotAt, o.SnapshotMessages = FromSnapshot, at, t.r.x.slab.live
}

func (o *Opening) note(w *stopwatch) {
	if o.From == "" {
		o.From = FromFiles
	}
	o.Inspect, o.Snapshot, o.Replay = w.of("inspect"), w.of("snapshot"), w.of("replay")
	o.Inherit, o.Begin = w.of("inherit"), w.of("begin")
}
