//go:build fault

package fault

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/conclavemq/conclave/test/harness"
)

var seedFlag = flag.Uint64("seed", 0, "seed of everything random; 0 takes FAULT_SEED, or one from the clock")

// lab is what all tests share; TestMain sets it before any of them runs.
var lab struct {
	binary string
	seed   uint64
}

func TestMain(m *testing.M) {
	if order := os.Getenv(mountVariable); order != "" {
		if err := serveMount(order); err != nil {
			fmt.Fprintln(os.Stderr, "fault: mount:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	lab.seed = *seedFlag
	if lab.seed == 0 {
		lab.seed, _ = strconv.ParseUint(os.Getenv("FAULT_SEED"), 10, 64)
	}
	if lab.seed == 0 {
		lab.seed = uint64(time.Now().UnixNano())
	}
	fmt.Printf("fault: -seed=%d\n", lab.seed)
	dir, err := os.MkdirTemp("", "fault")
	if err == nil {
		lab.binary, err = harness.ConclaveBinary(dir)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "fault:", err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// random gives a test its own numbers, which depend on the seed and its name
// alone, not on what runs beside it.
func random(t *testing.T) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(t.Name()))
	return rand.New(rand.NewPCG(lab.seed, h.Sum64()))
}

// needsRoot skips a row that an ordinary user cannot set up.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("*** this row needs root ***")
	}
}
