package openwire

import "github.com/conclavemq/conclave/message"

// ConnectionError says that a connection failed for a reason that answers no
// command. (ActiveMQ: ConnectionError)
type ConnectionError struct {
	Exception  *message.Throwable
	Connection message.ConnectionID
}

func (c *ConnectionError) walk(w *wire) {
	w.command()
	w.throwable(&c.Exception)
	w.connection(&c.Connection, false)
}
