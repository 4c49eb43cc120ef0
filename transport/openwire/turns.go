package openwire

// turns counts the messages that a client has sent one at a time, each after
// the answer to the one before, with no other command in between. For such a
// client the reader may do the committer's work (broker.SendLed): while it
// does, it reads nothing, and there is nothing to read.
//
// Of a client that does more on its connection, it would keep from the broker
// what could go into the same sync, or the acknowledgement that gives a
// consumer its credit back. A reader that commits cannot see what comes
// meanwhile, so that some messages are left to the committer: what comes before
// their answers tells. The reader alone uses it.
type turns uint64

const (
	leastTurns = 8  // messages one at a time before the reader commits
	lookEvery  = 64 // of which one is left to the committer
)

// message notes a message whose answer is one of owed that the client waits
// for; behind says that more than it has been read. It reports whether the
// reader may commit.
func (t *turns) message(owed int, behind bool) bool {
	if owed > 1 || behind {
		*t = 0
		return false
	}
	*t++
	return *t > leastTurns && *t%lookEvery != 0
}

// other notes what is no such message.
func (t *turns) other() { *t = 0 }
