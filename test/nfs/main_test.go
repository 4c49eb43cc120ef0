//go:build nfs

package nfs

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/conclavemq/conclave/test/nfs/lab"
)

var (
	keep      = flag.Bool("keep", false, "leave the logs of brokers and consoles behind")
	allowance = flag.Duration("allowance", 2*time.Second, "what a hand-over may take beyond its target: "+
		"this machine may be busy")
)

// hosts is what all tests share; TestMain sets it before any of them runs.
var hosts *lab.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(lab.Main(*keep, func(dir string) int {
		began := time.Now()
		var err error
		if hosts, err = lab.New(dir); err != nil {
			fmt.Fprintln(os.Stderr, "nfs:", err)
			return 1
		}
		fmt.Printf("nfs: three kernels, server and mounts up in %v; lease %v\n", time.Since(began).Round(time.Millisecond), lab.Lease)
		return m.Run()
	}))
}
