package spool

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// allocated is what the file takes on disk.
func allocated(t *testing.T, s *Spool) int64 {
	var st unix.Stat_t
	require.NoError(t, unix.Fstat(int(s.file.f.Fd()), &st))
	return st.Blocks * 512
}
