//go:build mixed

package mixed

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

var (
	seedFlag         = flag.Uint64("seed", 0, "seed of everything random; 0 takes one from the clock")
	kindsFlag        = flag.String("kinds", "", "run every pair with these instead, such as activemq,activemq, to compare")
	keepFlag         = flag.String("keep", "", "copy the directory of a failed pair to this one")
	alternationsFlag = flag.Int("alternations", 50, "how often the master of the long run is killed")
)

// startLimit bounds every start: ActiveMQ's virtual machine takes 1 to 10 s.
const startLimit = 90 * time.Second

// lab is what all tests share; TestMain sets it before any of them runs.
var lab struct {
	binary string
	java   *harness.Java
	seed   uint64
}

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "mixed")
	if err == nil {
		err = prepare(dir)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "mixed:", err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func prepare(dir string) error {
	root, err := harness.ModuleRoot()
	if err != nil {
		return err
	}
	if lab.seed = *seedFlag; lab.seed == 0 {
		lab.seed = uint64(time.Now().UnixNano())
	}
	fmt.Printf("mixed: -seed=%d\n", lab.seed)
	lab.java, err = harness.CompileJava(filepath.Join(dir, "classes"),
		filepath.Join(root, "test/interop/java"), filepath.Join(root, "test/mixed/java"))
	if err != nil {
		return err
	}
	lab.binary, err = harness.ConclaveBinary(dir)
	return err
}

// newBroker configures a node on a directory. Small files and frequent
// clean-ups have each owner rotate and collect; an ActiveMQ looks twice a
// second whether its lock was disturbed.
func newBroker(t *testing.T, kind harness.Kind, name, dir string) *harness.Broker {
	t.Helper()
	kahaDB := map[string]string{"journalMaxFileLength": "1mb", "cleanupInterval": "1000", "checkpointInterval": "500"}
	if kind == harness.ActiveMQ {
		kahaDB["lockKeepAlivePeriod"] = "500"
	}
	return newBrokerWith(t, harness.Options{Kind: kind, Name: name, Directory: filepath.Join(dir, "kahadb"), WorkDir: dir, KahaDB: kahaDB})
}

func newBrokerWith(t *testing.T, opts harness.Options) *harness.Broker {
	t.Helper()
	opts.Binary = lab.binary
	opts.LockAcquireSleepInterval = 100 * time.Millisecond
	opts.JVM = []string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}
	b, err := harness.NewBroker(opts)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, b.Kill())
		if t.Failed() {
			log := b.Log()
			t.Logf("end of the log of %s (%s):\n%s", b.Name(), b.Kind(), log[max(0, len(log)-6000):])
		}
	})
	return b
}
