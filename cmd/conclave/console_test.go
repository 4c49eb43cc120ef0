package main

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/lock"
)

func TestConsoleOnAConnectorsPort(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.yaml")
	text := "broker: {persistent: false, transportConnectors: [{name: openwire, uri: 'tcp://127.0.0.1:8161'}]}\nconsole: {port: "
	for port, want := range map[string]int{"8161": exitUsage, "8162": 0, "0": 0} {
		require.NoError(t, os.WriteFile(file, []byte(text+port+"}\n"), 0o600))
		out, code := run(t, "check-config", "-c", file)
		require.Equal(t, want, code, out)
		if want != 0 {
			require.Contains(t, out, "console.port: 8161 is the port of transport connector openwire")
		} else {
			require.Contains(t, out, "console http://127.0.0.1:"+port)
		}
	}
}

// The storage is asked once a second at most, by one goroutine, and a hung one
// keeps nobody waiting for long.
func TestHolderWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		var asked atomic.Int64
		var answer error
		w := &holderWatch{ask: func() (lock.Status, error) {
			if asked.Add(1) == 3 {
				<-hung
			}
			return lock.Status{Held: true, Holder: lock.Holder{Epoch: 5, Broker: "a", Since: time.Now().Add(-time.Minute)}}, answer
		}}
		h, problem := w.describe(time.Now())
		require.Empty(t, problem)
		require.Equal(t, uint64(5), h.Epoch)
		require.InDelta(t, 60, h.HeldSeconds, 1)
		for range 10 {
			w.describe(time.Now())
		}
		require.EqualValues(t, 1, asked.Load())

		<-time.After(holderFresh)
		answer = errors.New("no such directory")
		_, problem = w.describe(time.Now())
		require.Equal(t, "no such directory", problem)
		answer = nil
		<-time.After(holderFresh)
		began := time.Now()
		for range 5 {
			w.describe(time.Now())
		}
		require.Equal(t, 5*holderWait, time.Since(began))
		<-time.After(holderStale)
		_, problem = w.describe(time.Now())
		require.Equal(t, lock.ErrHung.Error(), problem)
		require.EqualValues(t, 3, asked.Load())
		close(hung)
		synctest.Wait()
		_, problem = w.describe(time.Now())
		require.Empty(t, problem)
	})
	h, problem := (*holderWatch)(nil).describe(time.Now())
	require.Nil(t, h)
	require.Empty(t, problem)
}
