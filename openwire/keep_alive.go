package openwire

// KeepAlive shows that its sender lives. (ActiveMQ: KeepAliveInfo)
type KeepAlive struct{}

// Shutdown announces that its sender closes the connection. (ActiveMQ:
// ShutdownInfo)
type Shutdown struct{}

// Flush asks for an answer once all before it is done. (ActiveMQ:
// FlushCommand)
type Flush struct{}

func (*KeepAlive) walk(w *wire) { w.command() }
func (*Shutdown) walk(w *wire)  { w.command() }
func (*Flush) walk(w *wire)     { w.command() }
