package openwire

import "github.com/conclavemq/conclave/message"

// TransactionOperation says what a TransactionInfo asks for.
type TransactionOperation uint8

// The operations. (ActiveMQ: TransactionInfo)
const (
	Begin TransactionOperation = iota
	Prepare
	CommitOnePhase
	CommitTwoPhase
	Rollback
	Recover
	Forget
	End
)

// TransactionInfo moves a transaction on. (ActiveMQ: TransactionInfo)
type TransactionInfo struct {
	Connection  message.ConnectionID
	Transaction message.TransactionID
	Operation   TransactionOperation
}

func (t *TransactionInfo) walk(w *wire) {
	w.command()
	w.connection(&t.Connection, true)
	w.transaction(&t.Transaction, true)
	w.byte((*uint8)(&t.Operation))
}
