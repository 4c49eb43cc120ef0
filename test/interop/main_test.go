//go:build interop

package interop

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

var (
	brokerFlag = flag.String("broker", "conclave", "the broker under test: conclave or activemq")
	storeFlag  = flag.String("store", "directory", "where brokers keep messages: directory or postgres")
	seedFlag   = flag.Uint64("seed", 0, "seed of everything random; 0 takes one from the clock")
	kahaDBFlag = flag.String("kahadb", "", "further attributes of every kahaDB element, as name=value,name=value")
	onlyFlag   = flag.String("only", "", "run the functional cases whose name contains this")
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
	code := lab.Main(m, "interop", "test/interop/java")
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// newBroker configures a node of the kind under test, or of the kind that opts
// names, and stops it with the test. Its log is shown when the test fails.
func newBroker(t *testing.T, opts harness.Options) *harness.Broker {
	t.Helper()
	for pair := range strings.SplitSeq(*kahaDBFlag, ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			opts.KahaDB = maps.Clone(opts.KahaDB)
			if opts.KahaDB == nil {
				opts.KahaDB = make(map[string]string)
			}
			opts.KahaDB[name] = value
		}
	}
	return lab.NewBroker(t, opts)
}

// startLimit bounds every start: ActiveMQ's virtual machine takes 1 to 3 s.
const startLimit = 60 * time.Second

// runJava runs a program to its end and returns its lines; it fails the test
// if the program fails.
func runJava(t *testing.T, limit time.Duration, class string, args ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	lines, err := lab.Java.Run(ctx, class, args...)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("%s still running after %v:\n%s", class, limit, strings.Join(lines, "\n"))
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", class, err, strings.Join(lines, "\n"))
	}
	return lines
}
