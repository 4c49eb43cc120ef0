package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/cmd/conclave/control"
	"github.com/conclavemq/conclave/cmd/conclave/node"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/lock"
)

// run executes a command line and returns its output and exit code.
func run(t *testing.T, args ...string) (string, int) {
	t.Helper()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.Execute()
	code := exitCode(err)
	if err != nil {
		out.WriteString(err.Error())
	}
	return out.String(), code
}

func TestVersion(t *testing.T) {
	out, code := run(t, "version")
	require.Zero(t, code)
	require.Contains(t, out, "Conclave ")
}

func TestSampleConfigurationsAreGood(t *testing.T) {
	files, err := filepath.Glob("../../etc/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		out, code := run(t, "check-config", "-c", file)
		require.Zero(t, code, "%s: %s", file, out)
		require.NotContains(t, out, "warning", file)
	}
}

func TestCheckConfigSaysWhatHolds(t *testing.T) {
	out, code := run(t, "check-config", "--brokerName", "b", "--directory", "/d", "--uri", "tcp://h:1", "--uri", "tcp://h:2")
	require.Zero(t, code, out)
	for _, want := range []string{"broker b\n", "store  /d\n", "tcp://h:1 (openwire)", "tcp://h:2 (openwire2)"} {
		require.Contains(t, out, want)
	}
}

func TestBadUsage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.yaml")
	require.NoError(t, os.WriteFile(file, []byte("broker: {transportConnectors: [{uri: 'tcp://h:1?maximumConection=5'}]}"), 0o600))
	for name, args := range map[string][]string{
		"unknown flag":       {"check-config", "--flurble"},
		"unknown uri option": {"check-config", "-c", file},
		"unknown scheme":     {"check-config", "--uri", "ftp://h:1"},
		"no definition":      {"check-config", "-D", "x"},
		"no level":           {"start", "--log-level", "loud"},
	} {
		out, code := run(t, args...)
		require.Equal(t, exitUsage, code, "%s: %s", name, out)
	}
	out, _ := run(t, "check-config", "-c", file)
	require.Contains(t, out, "maximumConnections", "the nearest name is offered")
}

func TestStatusCodes(t *testing.T) {
	as := func(role node.Role) control.Broker {
		return control.Broker{Account: control.Account{Status: node.Status{Role: role}}}
	}
	silent := control.Broker{Err: control.ErrSilent}
	for _, test := range []struct {
		found []control.Broker
		want  int
	}{
		{nil, exitFailure},
		{[]control.Broker{as(node.Master)}, 0},
		{[]control.Broker{as(node.Slave)}, exitSlave},
		{[]control.Broker{as(node.Starting)}, exitBetween},
		{[]control.Broker{silent}, exitSilent},
		{[]control.Broker{silent, as(node.Slave)}, exitSlave},
		{[]control.Broker{as(node.Slave), as(node.Master), silent}, 0},
	} {
		require.Equal(t, test.want, statusCode(test.found))
	}
}

func TestHolderInWords(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for want, h := range map[string]holder{
		"nobody, and nobody has been":                                                    {},
		"unknown; the lock is held":                                                      {Held: true},
		"another program, such as ActiveMQ (pid 7)":                                      {Held: true, Foreign: true, PID: 7},
		"broker a on h (pid 7), epoch 2 since 2026-01-02T03:04:05Z":                      {Held: true, Epoch: 2, BrokerName: "a", Host: "h", PID: 7, Since: at},
		"nobody; the last was broker a on h (pid 7), epoch 2 since 2026-01-02T03:04:05Z": {Epoch: 2, BrokerName: "a", Host: "h", PID: 7, Since: at},
	} {
		require.Equal(t, want, h.String())
	}
}

func TestExitCodesOfStart(t *testing.T) {
	for want, err := range map[int]error{
		0:           nil,
		exitHeld:    &lock.HeldError{Path: "p"},
		exitLost:    errors.Join(node.ErrLost, lock.ErrLost),
		exitUnclean: node.ErrUnclean,
		exitFailure: os.ErrPermission,
	} {
		require.Equal(t, want, exitCode(withCode(err)))
	}
}

func TestLockerFollowsTheConfiguration(t *testing.T) {
	b := &config.Broker{Persistent: false}
	l, err := newLocker(b, nil)
	require.NoError(t, err)
	require.Nil(t, l, "nothing is shared")
	require.Equal(t, lock.DefaultKeepAlivePeriod, keepAlive(0))
	require.Equal(t, lock.DefaultKeepAlivePeriod, keepAlive(time.Minute))
	require.Equal(t, 100*time.Millisecond, keepAlive(100*time.Millisecond))
	host, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, []string{"tcp://" + host + ":1", "tcp://h:2"}, clientURIs([]config.TransportConnector{
		{URI: "tcp://0.0.0.0:1?maximumConnections=5", AutoStart: true}, {URI: "tcp://h:2", AutoStart: true},
		{URI: "tcp://h:3"}, {URI: "tcp://h:0", AutoStart: true},
	}))
}
