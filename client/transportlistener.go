package client

// TransportListener is told what happens to a connection. Its functions are
// called in order, by the connection's own goroutines: they must not block and
// must not call the connection. Any may be nil. (ActiveMQ: TransportListener)
type TransportListener struct {
	// Interrupted: the connection to a broker was lost and failover looks for
	// the next. What was received and not acknowledged will come again.
	Interrupted func(err error)
	// Resumed: a broker, such as "tcp://a:61616", serves the connection: the
	// first one, or the next after an interruption.
	Resumed func(broker string)
	// Exception: the connection has ended and is not made again. It is not
	// called after Close.
	Exception func(err error)
	// Command is told every command that a broker sends, a pointer to a type of
	// package message or openwire, before the client acts on it. It must not
	// keep the command, but may keep a *message.Message.
	Command func(cmd any)
}
