package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/conclavemq/conclave/test/harness"
)

// options are the flags.
type options struct {
	rows       string
	rounds     int
	warmup     time.Duration
	duration   time.Duration
	disk       time.Duration
	patience   time.Duration
	generators []string
	columns    []column
	drain      int64
	backlog    int64
	dir        string
	against    string
	json       string
	markdown   string
}

// generatorGC is the generator's garbage collection target, in percent.
const generatorGC = 800

func main() {
	opts, err := parseFlags(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The generator shares the processors with the broker that it measures;
	// its own garbage is not to be the limit.
	debug.SetGCPercent(generatorGC)
	if err := run(ctx, opts); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseFlags(args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.rows, "rows", "all", "comma-separated rows: all, main, network, database, or of: "+strings.Join(rowKeys(), ","))
	f.IntVar(&o.rounds, "rounds", 3, "rounds, of which medians are taken")
	f.DurationVar(&o.warmup, "warmup", 3*time.Second, "load before each measurement")
	f.DurationVar(&o.duration, "duration", 5*time.Second, "of each measurement")
	f.DurationVar(&o.disk, "disk", 2*time.Second, "of each of the two disk references")
	f.DurationVar(&o.patience, "patience", 5*time.Minute, "longest time that one measurement may take")
	generators := f.String("generators", "go,java", "load generators")
	settings := f.String("settings", "all", "comma-separated: activemq, activemq-sequential, conclave, conclave-sequential;\n"+
		"sequential is concurrentStoreAndDispatchQueues=false")
	f.Int64Var(&o.drain, "drain", 200_000, "messages that the drain rows consume")
	f.Int64Var(&o.backlog, "backlog", 1_000_000, "messages of the backlog row")
	f.StringVar(&o.dir, "dir", os.TempDir(), "directory on the disk to measure")
	f.StringVar(&o.against, "against", "", "another build of conclave, measured beside this one")
	f.StringVar(&o.json, "json", "", "write every value to this file")
	f.StringVar(&o.markdown, "markdown", "", "write the table to this file")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	o.generators = strings.Split(*generators, ",")
	for _, g := range o.generators {
		if g != "go" && g != "java" {
			return nil, fmt.Errorf("-generators %s: not go or java", g)
		}
	}
	var err error
	o.columns, err = parseColumns(*settings)
	if o.against != "" {
		o.columns = append(slices.Clone(o.columns), earlier)
	}
	return o, err
}

func rowKeys() []string {
	var keys []string
	for _, r := range rows() {
		keys = append(keys, r.Key)
	}
	return keys
}

// chosenRows are those that -rows names.
func chosenRows(list string) ([]row, error) {
	all := rows()
	var chosen []row
	for key := range strings.SplitSeq(list, ",") {
		if set := rowSets[key]; set != nil {
			chosen = append(chosen, set()...)
			continue
		}
		i := slices.IndexFunc(all, func(r row) bool { return r.Key == key })
		if i < 0 {
			return nil, fmt.Errorf("-rows %s: no such row", key)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func run(ctx context.Context, opts *options) error {
	chosen, err := chosenRows(opts.rows)
	if err != nil {
		return err
	}
	dir, err := scratch(opts.dir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{opts: opts, dir: dir, results: &results{Host: host()}, gens: map[string]generator{"go": goGenerator{}}}
	begun := time.Now()
	b.say = func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%7.1fs "+format+"\n", append([]any{time.Since(begun).Seconds()}, args...)...)
	}
	if wantsConclave(opts) {
		if b.binary, err = harness.ConclaveBinary(dir); err != nil {
			return err
		}
	}
	if slices.Contains(opts.generators, "java") {
		if b.gens["java"], err = newJavaGenerator(dir); err != nil {
			return err
		}
	}
	defer b.closeServer()
	err = b.all(ctx, chosen)
	return b.publish(chosen, err)
}

// publish prints what was measured, also when the run was cut short.
func (b *bench) publish(chosen []row, err error) error {
	t := report(b.results, chosen, b.opts)
	fmt.Printf("\n%s; median of %d rounds; disk: %.0f appends of 1 KiB/s into a preallocated file\n",
		b.results.Host, b.opts.rounds, b.results.append())
	fmt.Println("ratio: Conclave as it comes to the better of ActiveMQ's columns")
	t.text(os.Stdout)
	if b.opts.json != "" {
		if e := b.results.writeJSON(b.opts.json); e != nil && err == nil {
			err = e
		}
	}
	if b.opts.markdown != "" {
		f, e := os.Create(b.opts.markdown)
		if e != nil {
			return e
		}
		t.markdown(f)
		if e := f.Close(); e != nil && err == nil {
			err = e
		}
	}
	return err
}

// host describes the machine.
func host() string {
	return fmt.Sprintf("%d CPUs, %s/%s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
}
