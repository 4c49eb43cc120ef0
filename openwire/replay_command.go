package openwire

// ReplayCommand asks a datagram's sender to repeat commands. (ActiveMQ:
// ReplayCommand)
type ReplayCommand struct {
	FirstNak int32
	LastNak  int32
}

func (r *ReplayCommand) walk(w *wire) {
	w.command()
	w.int32(&r.FirstNak)
	w.int32(&r.LastNak)
}
