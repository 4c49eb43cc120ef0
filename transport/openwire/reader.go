package openwire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"time"

	codec "github.com/conclavemq/conclave/openwire"
)

// readCommands handles one frame after the other until the connection ends. It
// returns why: errShutdown after the client's goodbye.
func (s *session) readCommands(ctx context.Context) error {
	for {
		frame, own, err := s.frames.next()
		if err != nil {
			return err
		}
		if !own && len(frame) > 0 && keepsFrame(frame[0]) {
			frame = slices.Clone(frame)
		}
		header, command, err := s.decoder.Decode(frame)
		if err != nil {
			if header, command, err = s.unknown(frame, err); err != nil {
				return err
			}
		}
		s.busy.Store(true)
		err = s.take(ctx, header, command)
		s.busy.Store(false)
		if err != nil {
			return err
		}
	}
}

// take handles one command; an error ends the connection.
func (s *session) take(ctx context.Context, header codec.Header, command any) error {
	if s.protocol.options.URI.Trace && s.protocol.options.URI.StartLogging {
		s.log.Info("received", "command", fmt.Sprintf("%T", command), "id", header.CommandID)
	}
	if header.ResponseRequired && !s.out.owe() {
		return errFinished
	}
	if info, ok := command.(*codec.WireFormatInfo); ok {
		return s.negotiate(info)
	}
	if !s.negotiated {
		return fmt.Errorf("%T came before the wire format", command)
	}
	return s.handle(ctx, header, command)
}

// keepsFrame reports data types whose command goes on using the frame's bytes.
func keepsFrame(dataType byte) bool {
	return dataType >= codec.TypeMessage && dataType <= codec.TypeBlobMessage ||
		dataType == codec.TypeDelivery || dataType == codec.TypePartialCommand ||
		dataType == codec.TypeLastPartialCommand
}

// unknownCommand stands for a command of a data type that is not known.
type unknownCommand struct{ dataType byte }

// unknown makes of a frame with an unknown data type a command that can be
// refused, if its header can be read; failure is what the decoder said.
func (s *session) unknown(frame []byte, failure error) (codec.Header, any, error) {
	var at *codec.FrameError
	if !errors.As(failure, &at) || !errors.Is(at.Err, codec.ErrUnknownType) {
		return codec.Header{}, nil, failure
	}
	header, fields := peekHeader(frame, s.format.Tight)
	if fields == 0 || at.Offset != fields {
		return codec.Header{}, nil, failure
	}
	return header, unknownCommand{frame[0]}, nil
}

// peekHeader reads the header that every command begins with and gives the
// offset at which its fields begin, 0 where there is none. (ActiveMQ:
// BaseCommandMarshaller, BooleanStream)
func peekHeader(frame []byte, tight bool) (header codec.Header, fields int) {
	required := byte(0)
	fields = 1
	if tight {
		n, bits := 0, 0
		switch {
		case len(frame) >= 2 && frame[1] < 0x40:
			n, bits = int(frame[1]), 2
		case len(frame) >= 3 && frame[1] == 0xC0:
			n, bits = int(frame[2]), 3
		}
		if fields = bits + n; n == 0 || len(frame) < fields+4 {
			return header, 0
		}
		required = frame[bits] & 1
	} else {
		if len(frame) < 6 {
			return header, 0
		}
		required = frame[5]
	}
	header.CommandID = int32(binary.BigEndian.Uint32(frame[fields:]))
	header.ResponseRequired = required != 0
	return header, fields
}

// negotiate agrees on a wire format. The first time it introduces the broker
// and begins to watch for silence. (ActiveMQ: WireFormatNegotiator,
// InactivityMonitor)
func (s *session) negotiate(remote *codec.WireFormatInfo) error {
	u := s.protocol.options.URI
	if least := max(u.MinimumWireFormatVersion, codec.MinVersion); int(remote.Version) < least {
		return fmt.Errorf("remote wire format (%d) is lower than the minimum version required (%d)", remote.Version, least)
	}
	offer := s.protocol.offer
	format, err := codec.Negotiate(&offer, remote)
	if err != nil {
		return fmt.Errorf("wire format: %w", err)
	}
	if !u.WireFormat.MaxFrameSizeEnabled {
		format.MaxFrameSize = 0
	}
	if tcp, ok := s.socket.(*net.TCPConn); ok && u.Socket.NoDelay == nil {
		tcp.SetNoDelay(format.TCPNoDelay)
	}
	s.format = format
	s.decoder = codec.NewDecoder(format)
	s.decoder.ReuseAcks(s.reverse == nil) // the broker keeps none
	s.push(&entry{kind: aFormat, command: &format})
	s.widen()
	if s.negotiated {
		return nil
	}
	s.negotiated = true
	s.send(s.protocol.brokerInfo())
	period := time.Duration(format.MaxInactivityMS) * time.Millisecond
	if !u.Inactivity.UseMonitor {
		period = 0
	}
	s.monitor.start(period, time.Duration(format.MaxInactivityInitialDelayMS)*time.Millisecond, s.stuckLimit(period))
	return nil
}

// shortestStuck is the least time without progress of a write that ends a
// session, where no shorter one is asked for.
const shortestStuck = 30 * time.Second

// stuckLimit is how long a write may make no progress: soWriteTimeout, or the
// agreed inactivity; 0, no limit, where the peers agreed on none.
func (s *session) stuckLimit(inactivity time.Duration) time.Duration {
	if given := s.protocol.options.URI.Socket.WriteTimeout; given > 0 {
		return given
	}
	if inactivity == 0 {
		return 0
	}
	return max(inactivity, shortestStuck)
}

// widen lets frames be as large as was agreed, once a client is known.
func (s *session) widen() {
	if len(s.roster.members) == 0 {
		return
	}
	s.frames.limit = math.MaxInt32
	if s.format.MaxFrameSize > 0 {
		s.frames.limit = min(s.format.MaxFrameSize, math.MaxInt32)
	}
}

// keepAlive shows the peer that we live.
func (s *session) keepAlive() {
	k := aCommand
	if s.protocol.options.URI.Inactivity.KeepAliveResponseRequired {
		k = aRequest
	}
	s.push(&entry{kind: k, command: &codec.KeepAlive{}})
}
