package openwire

// ControlCommand carries an order to the broker's process, such as
// "shutdown". (ActiveMQ: ControlCommand)
type ControlCommand struct{ Command string }

func (c *ControlCommand) walk(w *wire) {
	w.command()
	w.string(&c.Command)
}
