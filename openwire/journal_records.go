package openwire

import "github.com/conclavemq/conclave/message"

// The records of ActiveMQ's old journal; none has a header.

// JournalTopicAck acknowledges for a durable subscription. (ActiveMQ:
// JournalTopicAck)
type JournalTopicAck struct {
	Destination      message.Destination
	Message          message.MessageID
	Sequence         int64
	SubscriptionName string
	ClientID         string
	Transaction      message.TransactionID
}

// JournalQueueAck acknowledges on a queue. (ActiveMQ: JournalQueueAck)
type JournalQueueAck struct {
	Destination message.Destination
	Ack         *message.Ack
}

// JournalTrace is a remark. (ActiveMQ: JournalTrace)
type JournalTrace struct{ Message string }

// JournalOperation says how a transaction ended.
type JournalOperation uint8

// The operations. (ActiveMQ: JournalTransaction)
const (
	XAPrepare     JournalOperation = 1
	XACommit      JournalOperation = 2
	XARollback    JournalOperation = 3
	LocalCommit   JournalOperation = 4
	LocalRollback JournalOperation = 5
)

// JournalTransaction ends a transaction. (ActiveMQ: JournalTransaction)
type JournalTransaction struct {
	Transaction message.TransactionID
	Operation   JournalOperation
	WasPrepared bool
}

func (j *JournalTopicAck) walk(w *wire) {
	w.destination(&j.Destination, false)
	w.messageID(&j.Message)
	w.int64(&j.Sequence)
	w.string(&j.SubscriptionName)
	w.string(&j.ClientID)
	w.transaction(&j.Transaction, false)
}

func (j *JournalQueueAck) walk(w *wire) {
	w.destination(&j.Destination, false)
	nestedCommand(w, TypeAck, &j.Ack, func(a *message.Ack, w *wire) { w.ack(a) })
}

func (j *JournalTrace) walk(w *wire) { w.string(&j.Message) }

func (j *JournalTransaction) walk(w *wire) {
	w.transaction(&j.Transaction, false)
	w.byte((*uint8)(&j.Operation))
	w.bool(&j.WasPrepared)
}
