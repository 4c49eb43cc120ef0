//go:build jms

// Package jms runs what applications do with JMS against a broker with the
// real Java client, each topic with a configuration of its own.
package jms

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

var (
	brokerFlag = flag.String("broker", "conclave", "the broker under test: conclave or activemq")
	storeFlag  = flag.String("store", "directory", "where brokers keep messages: directory or postgres")
	seedFlag   = flag.Uint64("seed", 0, "seed of everything random; 0 takes one from the clock")
	onlyFlag   = flag.String("only", "", "run the cases whose name contains this")
)

// lab is what all tests share.
var lab harness.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	lab.Kind, lab.Seed = harness.Kind(*brokerFlag), *seedFlag
	stop := func() error { return nil }
	if *storeFlag == "postgres" {
		var err error
		if stop, err = postgres.Use(&lab); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	code := lab.Main(m, "jms", "test/interop/java", "test/jms/java")
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// limits of a broker's start and of the cases of one class.
const (
	startLimit = 60 * time.Second
	caseLimit  = 3 * time.Minute
)

// runCases runs the cases of Java classes against one broker that o
// configures, each as a subtest; want is how many there are, so that one that
// silently disappears fails the run.
func runCases(t *testing.T, o harness.Options, want int, classes ...string) {
	t.Helper()
	b := lab.NewBroker(t, o)
	require.NoError(t, b.StartServing(startLimit))
	ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
	defer cancel()
	seen, err := lab.RunCases(ctx, t, b.URL(), *onlyFlag, lab.Kind == harness.Conclave, classes...)
	require.NoError(t, err)
	if *onlyFlag == "" {
		require.Equal(t, want, seen, "cases that ran")
	}
	require.True(t, b.Running(), "the broker did not survive the cases")
}
