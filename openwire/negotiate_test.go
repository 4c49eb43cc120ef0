package openwire

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNegotiate(t *testing.T) {
	usual := Format{
		Version: 12, Tight: true, Cache: true, CacheSize: 1024, StackTrace: true, TCPNoDelay: true,
		MaxFrameSize: math.MaxInt64, MaxInactivityMS: 30_000, MaxInactivityInitialDelayMS: 10_000,
	}
	tests := []struct {
		name   string
		remote func(*WireFormatInfo)
		want   func(*Format)
	}{
		{"the same", func(*WireFormatInfo) {}, func(*Format) {}},
		{"older peer", func(i *WireFormatInfo) { i.Version = 3 }, func(f *Format) { f.Version = 3 }},
		{"newer peer", func(i *WireFormatInfo) { i.Version = 40 }, func(*Format) {}},
		{"version not given", func(i *WireFormatInfo) { i.Version = 0 }, func(*Format) {}},
		{"loose", func(i *WireFormatInfo) { i.TightEncodingEnabled = false }, func(f *Format) { f.Tight = false }},
		{"uncached", func(i *WireFormatInfo) { i.CacheEnabled = false }, func(f *Format) { f.Cache = false }},
		{"no stack traces", func(i *WireFormatInfo) { i.StackTraceEnabled = false }, func(f *Format) { f.StackTrace = false }},
		{"small cache", func(i *WireFormatInfo) { i.CacheSize = 7 }, func(f *Format) { f.CacheSize = 7 }},
		{"cache size not given", func(i *WireFormatInfo) { i.CacheSize = 0 }, func(f *Format) { f.CacheSize = 16383 }},
		{"size prefix by one side", func(i *WireFormatInfo) { i.SizePrefixDisabled = true }, func(*Format) {}},
		{"frame size", func(i *WireFormatInfo) { i.MaxFrameSize = 1 << 20 }, func(f *Format) { f.MaxFrameSize = 1 << 20 }},
		{"frame size not given", func(i *WireFormatInfo) { i.MaxFrameSize = 0 }, func(*Format) {}},
		{"inactivity off", func(i *WireFormatInfo) { i.MaxInactivityMS = 0 }, func(f *Format) { f.MaxInactivityMS = 0 }},
		{"inactivity", func(i *WireFormatInfo) { i.MaxInactivityMS, i.MaxInactivityInitialDelayMS = 5, 6 }, func(f *Format) {
			f.MaxInactivityMS, f.MaxInactivityInitialDelayMS = 5, 6
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			remote, want := DefaultWireFormatInfo(), usual
			tt.remote(remote)
			tt.want(&want)
			got, err := Negotiate(DefaultWireFormatInfo(), remote)
			require.NoError(t, err)
			require.Equal(t, want, got)
			got, err = Negotiate(remote, DefaultWireFormatInfo())
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestNegotiateRefused(t *testing.T) {
	remote := DefaultWireFormatInfo()
	remote.CacheSize = -1
	_, err := Negotiate(DefaultWireFormatInfo(), remote)
	require.ErrorIs(t, err, ErrMalformed)
	_, err = Negotiate(&WireFormatInfo{}, &WireFormatInfo{Version: -3})
	require.ErrorIs(t, err, ErrVersion)
	_, err = Negotiate(&WireFormatInfo{Version: 13}, &WireFormatInfo{Version: 14})
	require.ErrorIs(t, err, ErrVersion)
}
