package openwire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestStoredMessage(t *testing.T) {
	s, m := NewStore(StoreVersion), kilobyte()
	b, err := s.AppendMessage(nil, m)
	require.NoError(t, err)
	got, err := s.Message(b)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(m, got))
}

func TestMessageRoundTrip(t *testing.T) {
	for name, f := range formats() {
		t.Run(name, func(t *testing.T) {
			e, d, m := NewEncoder(f), NewDecoder(f), kilobyte()
			for range 3 {
				b, err := e.Append(nil, Header{CommandID: 9, ResponseRequired: true}, m)
				require.NoError(t, err)
				h, got, err := d.Decode(b[4:])
				require.NoError(t, err)
				require.Equal(t, Header{CommandID: 9, ResponseRequired: true}, h)
				require.Empty(t, cmp.Diff(m, got))
			}
		})
	}
}
