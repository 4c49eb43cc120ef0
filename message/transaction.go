package message

import (
	"encoding/base64"
	"strconv"
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
// "XID:[format,globalId=…,branchId=…]" with base64 parts for XA.
func (id TransactionID) String() string {
	if id.IsZero() {
		return ""
	}
	if id.XA {
		return "XID:[" + strconv.Itoa(int(id.XID.FormatID)) +
			",globalId=" + base64.RawURLEncoding.EncodeToString([]byte(id.XID.Global)) +
			",branchId=" + base64.RawURLEncoding.EncodeToString([]byte(id.XID.Branch)) + "]"
	}
	return "TX:" + string(id.Connection) + ":" + strconv.FormatInt(id.Value, 10)
}
