package jdbcstore

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/conclavemq/conclave/message"
)

// A column XID holds in base64 what a transaction does with its row: '+' adds
// it, '-' removes it; 8 bytes ID and 1 byte priority of what a subscription
// acknowledges, else 0; then the format, the length of the global identifier,
// that and the branch. (ActiveMQ: XATransactionId.getEncodedXidBytes)
const (
	xidHead     = 16
	xidIdentity = 6 // of the head, what belongs to the identity
)

func encodeXID(action byte, x *message.XID) string {
	b := make([]byte, xidHead-xidIdentity, xidHead+len(x.Global)+len(x.Branch))
	b[0] = action
	return base64.StdEncoding.EncodeToString(appendIdentity(b, x))
}

// appendIdentity appends what a mark has behind what is done.
func appendIdentity(b []byte, x *message.XID) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(x.FormatID))
	b = binary.BigEndian.AppendUint16(b, uint16(len(x.Global)))
	return append(append(b, x.Global...), x.Branch...)
}

func decodeXID(text string) (action byte, id int64, t message.TransactionID, err error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) < xidHead || int(binary.BigEndian.Uint16(b[14:])) > len(b)-xidHead {
		return 0, 0, t, fmt.Errorf("XID %q: %w", text, errXID)
	}
	global := xidHead + int(binary.BigEndian.Uint16(b[14:]))
	t = message.TransactionID{XA: true, XID: message.XID{
		FormatID: int32(binary.BigEndian.Uint32(b[10:])), Global: string(b[xidHead:global]), Branch: string(b[global:])}}
	return b[0], int64(binary.BigEndian.Uint64(b[1:])), t, nil
}
