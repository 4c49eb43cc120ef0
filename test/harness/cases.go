package harness

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// RunCases runs cases of Suite.java against the broker at url, each as a
// subtest: those of the classes, or where none is named all that Suite has,
// whose names contain part; better adds those that ActiveMQ fails. It returns
// how many ran.
func (l *Lab) RunCases(ctx context.Context, t *testing.T, url, part string, better bool, classes ...string) (int, error) {
	args := []string{url, part, "plain"}
	if better {
		args[2] = "better"
	}
	p, err := l.Java.Start(ctx, "Suite", append(args, classes...)...)
	if err != nil {
		return 0, err
	}
	seen, failed := 0, 0
	for line := range p.Lines {
		verdict, rest, _ := strings.Cut(line, " ")
		name, reason, _ := strings.Cut(rest, " ")
		switch verdict {
		case "PASS":
			seen++
			t.Run(name, func(*testing.T) {})
		case "FAIL":
			seen++
			failed++
			t.Run(name, func(t *testing.T) { t.Error(reason) })
		}
	}
	err = p.Wait()
	if ctx.Err() != nil || err != nil && failed == 0 {
		return seen, fmt.Errorf("%w: %w; stderr: %s", errCases, err, p.Stderr())
	}
	return seen, nil
}
