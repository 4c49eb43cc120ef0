package openwire

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

// FuzzSession sends anything to a session after a proper beginning: it must
// end without a fault and leave nothing behind.
func FuzzSession(f *testing.F) {
	seed := func(tight bool, commands ...any) {
		format := codec.Format{Version: 12, Tight: tight, Cache: true, CacheSize: 1024}
		enc := codec.NewEncoder(format)
		var frames []byte
		for i, command := range commands {
			frames, _ = enc.Append(frames, codec.Header{CommandID: int32(i), ResponseRequired: true}, command)
		}
		f.Add(tight, frames)
	}
	for _, tight := range []bool{false, true} {
		seed(tight, &message.ConnectionInfo{ID: "c", ClientID: "x"}, &message.SessionInfo{ID: sessionID},
			&message.ProducerInfo{ID: producer}, text("x"), &message.ConsumerInfo{ID: consumer, Destination: message.NewQueue("Q")},
			&message.RemoveInfo{Object: sessionID})
		seed(tight, &message.ConnectionInfo{ID: "c"}, &codec.TransactionInfo{Connection: "c", Transaction: xid, Operation: codec.Recover},
			&codec.KeepAlive{}, &codec.BrokerInfo{ID: "b"}, &codec.Shutdown{})
		f.Add(tight, []byte{0, 0, 0, 6, 77, 0, 0, 0, 1, 1})
		f.Add(tight, []byte{0x7F, 0xFF, 0xFF, 0xFF})
	}
	f.Fuzz(func(t *testing.T, tight bool, frames []byte) {
		b := &fakeBroker{}
		protocol, written := newProtocol(t, b, "wireFormat.maxFrameSize=1048576", nil)
		near, far := net.Pipe()
		session := protocol.NewSession(near)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			session.Run()
		}()
		p := newPeer(t, far)
		offer := codec.DefaultWireFormatInfo()
		offer.TightEncodingEnabled = tight
		p.handshake(offer)
		go func() {
			far.Write(frames)
			far.Close()
		}()
		io.Copy(io.Discard, p.in)
		<-ended
		if strings.Contains(written.String(), "fault while serving") {
			t.Fatal(written.String())
		}
		if connects, closes := count(b.called()); connects != closes {
			t.Fatalf("%d connections, %d closed", connects, closes)
		}
	})
}

func count(calls []string) (connects, closes int) {
	for _, call := range calls {
		switch {
		case strings.HasPrefix(call, "connect "):
			connects++
		case call == "close", call == "leave":
			closes++
		}
	}
	return connects, closes
}
