package harness

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Java is a set of compiled programs that use the real activemq-client.
type Java struct {
	classPath string
}

// clientJars are what an application with activemq-client has on its path;
// openwire-legacy holds the marshallers of versions 2 to 8.
var clientJars = []string{"activemq-client", "activemq-openwire-legacy", "geronimo-jms_1.1_spec",
	"geronimo-j2ee-management-1.1-spec", "geronimo-jta-1.2-spec", "hawtbuf", "slf4j-api"}

// CompileJava compiles every .java file of the source directories into
// classes, a directory that is made when missing.
func CompileJava(classes string, sources ...string) (*Java, error) {
	var path []string
	for _, name := range clientJars {
		jar := filepath.Join(libraryDir(), name+".jar")
		if _, err := os.Stat(jar); err != nil {
			return nil, fmt.Errorf("%w (%w)", ErrNoActiveMQ, err)
		}
		path = append(path, jar)
	}
	args := []string{"-nowarn", "-encoding", "UTF-8", "-d", classes, "-cp", strings.Join(path, ":")}
	for _, dir := range sources {
		files, err := filepath.Glob(filepath.Join(dir, "*.java"))
		if err != nil {
			return nil, err
		}
		args = append(args, files...)
	}
	if out, err := exec.Command("javac", args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("javac: %w\n%s", err, out)
	}
	return &Java{classPath: strings.Join(append([]string{classes}, path...), ":")}, nil
}

// Program is one running Java program: its lines come out of Lines, which is
// closed when the output ends, and In feeds its standard input.
type Program struct {
	Lines <-chan string
	In    io.WriteCloser

	cmd    *exec.Cmd
	mu     sync.Mutex
	stderr strings.Builder // guarded by mu
}

// Start runs a class until it ends or ctx does. The caller reads Lines to the
// end and then calls Wait.
func (j *Java) Start(ctx context.Context, class string, args ...string) (*Program, error) {
	argv := append([]string{"-Xmx1g", "-Dfile.encoding=UTF-8", "-XX:+UseParallelGC", "-cp", j.classPath, class}, args...)
	cmd := exec.CommandContext(ctx, "java", argv...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := &Program{cmd: cmd}
	cmd.Stderr = (*errorText)(p)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("java %s: %w", class, err)
	}
	lines := make(chan string, 64)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(out)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
	}()
	p.Lines, p.In = lines, in
	return p, nil
}

// Tell writes one line to the program's standard input.
func (p *Program) Tell(line string) error {
	_, err := io.WriteString(p.In, line+"\n")
	return err
}

// Wait returns when the program has ended, with what it wrote to standard
// error if it failed.
func (p *Program) Wait() error {
	p.In.Close()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("java: %w\n%s", err, p.Stderr())
	}
	return nil
}

// Stderr is what the program wrote to standard error so far, without slf4j's
// complaint that no logger is bound.
func (p *Program) Stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var keep []string
	for line := range strings.Lines(p.stderr.String()) {
		if !strings.HasPrefix(line, "SLF4J:") {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, "")
}

// Run starts a class, waits for it and returns its lines.
func (j *Java) Run(ctx context.Context, class string, args ...string) ([]string, error) {
	p, err := j.Start(ctx, class, args...)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range p.Lines {
		lines = append(lines, line)
	}
	return lines, p.Wait()
}

// errorText collects standard error, up to a bound.
type errorText Program

const maxErrorText = 1 << 20

func (e *errorText) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stderr.Len() < maxErrorText {
		e.stderr.Write(b)
	}
	return len(b), nil
}
