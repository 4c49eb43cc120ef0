package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Lab is what the tests of a suite with real Java clients share. Kind and Seed
// may be set before Main; Main sets the rest.
type Lab struct {
	Kind   Kind   // of the brokers under test, default Conclave
	Seed   uint64 // of everything random, default from the clock
	Binary string // Conclave's
	// Database gives the nodes of one directory a database instead, where it is
	// not nil; see package postgres.
	Database func(directory string) (*JDBC, error)
	Java     *Java
}

// Main compiles the Java programs in the source directories, which are named
// from the module's root, has Conclave's binary ready, and runs the tests. It
// returns the exit code.
func (l *Lab) Main(m *testing.M, name string, sources ...string) int {
	dir, err := os.MkdirTemp("", name)
	if err == nil {
		defer os.RemoveAll(dir)
		err = l.prepare(dir, sources)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	fmt.Printf("%s: broker %s, -seed=%d\n", name, l.Kind, l.Seed)
	return m.Run()
}

func (l *Lab) prepare(dir string, sources []string) error {
	if l.Kind == "" {
		l.Kind = Conclave
	}
	if l.Seed == 0 {
		l.Seed = uint64(time.Now().UnixNano())
	}
	root, err := ModuleRoot()
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		l.Binary, err = ConclaveBinary(dir)
		return err
	}
	paths := make([]string, len(sources))
	for i, source := range sources {
		paths[i] = filepath.Join(root, source)
	}
	if l.Java, err = CompileJava(filepath.Join(dir, "classes"), paths...); err != nil {
		return err
	}
	l.Binary, err = ConclaveBinary(dir)
	return err
}

// NewBroker configures a node of the kind that o names, or else of the lab's,
// and kills it with the test. The end of its log is shown when the test fails.
func (l *Lab) NewBroker(t *testing.T, o Options) *Broker {
	t.Helper()
	if o.Kind == "" {
		o.Kind = l.Kind
	}
	if o.WorkDir == "" {
		o.WorkDir = t.TempDir()
	}
	if o.Directory == "" {
		o.Directory = filepath.Join(o.WorkDir, "kahadb")
	}
	o.Binary = l.Binary
	if l.Database != nil && o.JDBC == nil {
		var err error
		o.JDBC, err = l.Database(o.Directory)
		require.NoError(t, err)
	}
	b, err := NewBroker(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, b.Kill())
		if t.Failed() {
			log := b.Log()
			t.Logf("end of the log of %s (%s):\n%s", b.Name(), b.Kind(), log[max(0, len(log)-logShown):])
		}
	})
	return b
}

// logShown is how much of a log a failed test shows, bytes.
const logShown = 6000

// errCases is returned by RunCases for a suite that did not end well.
var errCases = errors.New("the suite did not end well")
