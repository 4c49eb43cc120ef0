package openwire

import "github.com/conclavemq/conclave/message"

// sessionInfo walks data type 4. (ActiveMQ: SessionInfoMarshaller)
func (w *wire) sessionInfo(s *message.SessionInfo) {
	w.command()
	w.session(&s.ID, true)
}
