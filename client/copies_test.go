package client

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

func TestCopiesAreIndependent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c copies
		for range 3 {
			var want [][]byte
			var got []*message.Message
			body := make([]byte, arenaSize+100)
			for range rapid.IntRange(0, 12).Draw(t, "messages") {
				n := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, arenaSize+100)).Draw(t, "size")
				fill := rapid.Byte().Draw(t, "fill")
				for i := range body[:n] {
					body[i] = fill
				}
				m := NewBytes(body[:n])
				got = append(got, c.of(m, false))
				want = append(want, append([]byte{}, body[:n]...))
			}
			for i := range want {
				require.Equal(t, want[i], append([]byte{}, got[i].Content...))
			}
			c.reset()
		}
	})
	var c copies
	m := NewText("shared")
	require.Same(t, &m.Content[0], &c.of(m, true).Content[0])
}
