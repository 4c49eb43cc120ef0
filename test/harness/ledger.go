package harness

import "github.com/conclavemq/conclave/client/ledger"

// Ledger keeps account of numbered messages.
type Ledger = ledger.Ledger

// NewLedger makes an empty ledger.
func NewLedger() *Ledger { return ledger.New() }

// Entry is the mark that a message's body begins with.
func Entry(producer string, number int) string { return ledger.Entry(producer, number) }
