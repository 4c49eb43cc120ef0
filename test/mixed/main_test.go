//go:build mixed

package mixed

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

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

// lab is what all tests share.
var lab harness.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	lab.Seed = *seedFlag
	os.Exit(lab.Main(m, "mixed", "test/interop/java", "test/mixed/java"))
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
	opts.LockAcquireSleepInterval = 100 * time.Millisecond
	opts.JVM = []string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}
	return lab.NewBroker(t, opts)
}
