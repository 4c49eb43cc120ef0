package message

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// As ActiveMQ 5.17 prints them: bytes with a sign, without leading zeros, and
// Arjuna's as two longs and three ints.
func TestTransactionIDString(t *testing.T) {
	for want, id := range map[string]TransactionID{
		"":                                       {},
		"TX:ID:7":                                {Connection: "ID", Value: 7},
		"XID:[77,globalId=7861,branchId=62]":     {XA: true, XID: XID{FormatID: 77, Global: "xa", Branch: "b"}},
		"XID:[-1,globalId=0ffffffffa,branchId=]": {XA: true, XID: XID{FormatID: -1, Global: "\x00\xff\x0a"}},
		"XID:[131077,globalId=1:-2:3:-4:5,branchId=62]": {XA: true, XID: XID{FormatID: 131077, Branch: "b",
			Global: "\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xfe\x00\x00\x00\x03\xff\xff\xff\xfc\x00\x00\x00\x05"}},
	} {
		require.Equal(t, want, id.String())
	}
}
