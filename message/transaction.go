package message

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// XID is a branch of a distributed transaction. The two identifiers are byte
// strings of at most 64 bytes each. (ActiveMQ: XATransactionId)
type XID struct {
	FormatID int32
	Global   string
	Branch   string
}

// TransactionID names a transaction: a local one by connection and number, or
// an XA branch. The zero value is null: no transaction. (ActiveMQ:
// LocalTransactionId, XATransactionId)
type TransactionID struct {
	Connection ConnectionID
	Value      int64
	// XA says that XID is meant and the two fields above are zero.
	XA  bool
	XID XID
}

// IsZero reports whether there is no transaction.
func (id TransactionID) IsZero() bool { return id == TransactionID{} }

// IsLocal reports whether id names a local transaction.
func (id TransactionID) IsLocal() bool { return !id.XA && !id.IsZero() }

// String gives "TX:connection:n" as ActiveMQ prints local transactions, and
// "XID:[format,globalId=…,branchId=…]" for XA.
func (id TransactionID) String() string {
	if id.IsZero() {
		return ""
	}
	if id.XA {
		return "XID:[" + strconv.Itoa(int(id.XID.FormatID)) +
			",globalId=" + id.XID.print(id.XID.Global) + ",branchId=" + id.XID.print(id.XID.Branch) + "]"
	}
	return "TX:" + string(id.Connection) + ":" + strconv.FormatInt(id.Value, 10)
}

// arjuna is the FormatID of Narayana and its ancestors, whose identifiers are
// two longs and three ints.
const arjuna, arjunaBytes = 131077, 2*8 + 3*4

// print gives a half of an XID as ActiveMQ does in its messages and beans. The
// bytes have no leading zeros and a sign, so it is for people to read only.
// (ActiveMQ: XATransactionId.stringForm)
func (x XID) print(part string) string {
	var out strings.Builder
	if b := []byte(part); x.FormatID == arjuna && len(b) >= arjunaBytes {
		out.WriteString(strconv.FormatInt(int64(binary.BigEndian.Uint64(b)), 16))
		out.WriteString(":" + strconv.FormatInt(int64(binary.BigEndian.Uint64(b[8:])), 16))
		for at := 16; at < arjunaBytes; at += 4 {
			out.WriteString(":" + strconv.FormatInt(int64(int32(binary.BigEndian.Uint32(b[at:]))), 16))
		}
		return out.String()
	}
	for i := range len(part) {
		out.WriteString(strconv.FormatUint(uint64(uint32(int8(part[i]))), 16))
	}
	return out.String()
}
