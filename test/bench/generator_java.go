package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/conclavemq/conclave/test/harness"
)

// javaGenerator runs test/bench/java, on the unmodified activemq-client, in a
// process of its own for each scenario.
type javaGenerator struct{ programs *harness.Java }

func newJavaGenerator(dir string) (generator, error) {
	root, err := harness.ModuleRoot()
	if err != nil {
		return nil, err
	}
	j, err := harness.CompileJava(filepath.Join(dir, "classes"), filepath.Join(root, "test", "bench", "java"))
	if err != nil {
		return nil, err
	}
	return &javaGenerator{j}, nil
}

// run passes the scenario as key=value arguments; the program's line
// "RESULT messages= seconds= p50us= p99us=" is the outcome.
func (g *javaGenerator) run(ctx context.Context, s scenario) (outcome, error) {
	args := []string{
		"url=" + s.URL,
		"destination=" + s.Destination,
		"producers=" + strconv.Itoa(s.Producers),
		"consumers=" + strconv.Itoa(s.Consumers),
		"size=" + strconv.Itoa(s.Size),
		"persistent=" + strconv.FormatBool(s.Persistent),
		"async=" + strconv.FormatBool(s.NoAnswer),
		"batch=" + strconv.Itoa(s.Batch),
		"consumerBatch=" + strconv.Itoa(s.ConsumerBatch),
		"warmupMillis=" + millis(s.Warmup),
		"durationMillis=" + millis(s.Duration),
		"drain=" + strconv.FormatInt(s.Drain, 10),
	}
	lines, err := g.programs.Run(ctx, "Bench", args...)
	if err != nil {
		return outcome{}, err
	}
	for _, text := range lines {
		line := harness.ParseLine(text)
		if line.Word != "RESULT" {
			continue
		}
		seconds, err := strconv.ParseFloat(line.Values["seconds"], 64)
		if err != nil || seconds <= 0 {
			return outcome{}, fmt.Errorf("java generator: %q", text)
		}
		n := line.Int("messages")
		return outcome{
			Messages: n,
			Rate:     float64(n) / seconds,
			P50:      time.Duration(line.Int("p50us")) * time.Microsecond,
			P99:      time.Duration(line.Int("p99us")) * time.Microsecond,
		}, nil
	}
	return outcome{}, fmt.Errorf("java generator printed no result: %q", lines)
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
