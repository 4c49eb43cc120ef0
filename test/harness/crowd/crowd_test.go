package crowd

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a client sees goes into its test, unless that tolerates it.
func TestErrorsOfClientsAreCaught(t *testing.T) {
	c := &Crowd{t: t}
	c.Tolerate()
	w := &worker{ctx: context.Background(), crowd: c}
	require.True(t, w.failed(os.ErrInvalid))
	require.False(t, w.failed(nil))
}
