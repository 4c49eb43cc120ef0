package openwire

// PartialCommand is a piece of a command too large for a datagram; its header
// is a command id alone. (ActiveMQ: PartialCommand)
type PartialCommand struct{ Data []byte }

// LastPartialCommand follows the last piece. (ActiveMQ: LastPartialCommand)
type LastPartialCommand struct{ Data []byte }

func (p *PartialCommand) walk(w *wire) {
	w.commandIDOnly()
	w.bytes(&p.Data)
}

func (p *LastPartialCommand) walk(w *wire) {
	w.commandIDOnly()
	w.bytes(&p.Data)
}

func (w *wire) commandIDOnly() {
	id := w.header.CommandID
	if w.depth > 0 {
		id = 0
	}
	w.int32(&id)
	if w.depth == 0 {
		w.header.CommandID = id
	}
}
