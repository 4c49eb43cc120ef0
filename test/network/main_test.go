//go:build network

package network

import (
	"flag"
	"os"
	"testing"

	"github.com/conclavemq/conclave/test/harness"
)

var seedFlag = flag.Uint64("seed", 0, "seed of everything random; 0 takes one from the clock")

// lab is what all tests share.
var lab harness.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	lab.Seed = *seedFlag
	os.Exit(lab.Main(m, "network", "test/network/java"))
}
