package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDiskRates(t *testing.T) {
	rates, err := measureDisk(t.TempDir(), 200*time.Millisecond)
	require.NoError(t, err)
	require.Greater(t, rates.Append, 1.0)
	require.Greater(t, rates.Preallocated, 1.0)
	t.Logf("%+v", rates)
}

func TestParsePerf(t *testing.T) {
	n, err := parsePerf("\n12,,syscalls:sys_enter_fdatasync,100,100.00,,\n30,,syscalls:sys_enter_fsync,100,100.00,,\n")
	require.NoError(t, err)
	require.Equal(t, int64(42), n)
	_, err = parsePerf("no permission")
	require.Error(t, err)
	_, err = parsePerf("<not counted>,,syscalls:sys_enter_fsync,0,100.00,,\n")
	require.Error(t, err)
}
