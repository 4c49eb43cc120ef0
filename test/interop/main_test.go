//go:build interop

package interop

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

var (
	brokerFlag = flag.String("broker", "conclave", "the broker under test: conclave or activemq")
	seedFlag   = flag.Uint64("seed", 0, "seed of everything random; 0 takes one from the clock")
	kahaDBFlag = flag.String("kahadb", "", "further attributes of every kahaDB element, as name=value,name=value")
	onlyFlag   = flag.String("only", "", "run the functional cases whose name contains this")
)

// lab is what all tests share; TestMain sets it before any of them runs.
var lab struct {
	kind   harness.Kind
	binary string // Conclave's, "" when it could not be had
	java   *harness.Java
	seed   uint64
}

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "interop")
	if err == nil {
		err = prepare(dir)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// prepare compiles the Java programs and, if it is there, Conclave.
func prepare(dir string) error {
	root, err := harness.ModuleRoot()
	if err != nil {
		return err
	}
	lab.kind = harness.Kind(*brokerFlag)
	if lab.seed = *seedFlag; lab.seed == 0 {
		lab.seed = uint64(time.Now().UnixNano())
	}
	fmt.Printf("interop: broker %s, -seed=%d\n", lab.kind, lab.seed)
	lab.java, err = harness.CompileJava(filepath.Join(dir, "classes"), filepath.Join(root, "test/interop/java"))
	if err != nil {
		return err
	}
	lab.binary, err = harness.ConclaveBinary(dir)
	if err != nil && lab.kind == harness.ActiveMQ {
		fmt.Println("interop: without conclave:", err)
		return nil
	}
	return err
}

// newBroker configures a node of the kind under test, or of the kind that opts
// names, and stops it with the test. Its log is shown when the test fails.
func newBroker(t *testing.T, opts harness.Options) *harness.Broker {
	t.Helper()
	if opts.Kind == "" {
		opts.Kind = lab.kind
	}
	if opts.WorkDir == "" {
		opts.WorkDir = t.TempDir()
	}
	if opts.Directory == "" {
		opts.Directory = filepath.Join(opts.WorkDir, "kahadb")
	}
	opts.Binary = lab.binary
	for pair := range strings.SplitSeq(*kahaDBFlag, ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			opts.KahaDB = maps.Clone(opts.KahaDB)
			if opts.KahaDB == nil {
				opts.KahaDB = make(map[string]string)
			}
			opts.KahaDB[name] = value
		}
	}
	if opts.Kind == harness.Conclave && lab.binary == "" {
		t.Skip("no binary of conclave")
	}
	b, err := harness.NewBroker(opts)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, b.Kill())
		if t.Failed() {
			log := b.Log()
			t.Logf("end of the log of %s (%s):\n%s", b.Name(), b.Kind(), log[max(0, len(log)-2500):])
		}
	})
	return b
}

// startLimit bounds every start: ActiveMQ's virtual machine takes 1 to 3 s.
const startLimit = 60 * time.Second

// runJava runs a program to its end and returns its lines; it fails the test
// if the program fails.
func runJava(t *testing.T, limit time.Duration, class string, args ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	lines, err := lab.java.Run(ctx, class, args...)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("%s still running after %v:\n%s", class, limit, strings.Join(lines, "\n"))
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", class, err, strings.Join(lines, "\n"))
	}
	return lines
}
