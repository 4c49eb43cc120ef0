package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/conclavemq/conclave/test/harness"
)

// envDir names the laboratory's directory to the process inside.
const envDir = "CONCLAVE_NFS_LAB"

// What the directory holds.
const (
	rootDir  = "root"      // of the hosts' file systems, read-only to them
	shareDir = "share"     // guest.Share: configurations, logs
	shimFile = "xstate.so" // see testdata/xstate.c
	diskFile = "disk"      // the server's
	memDir   = "memory"    // the hosts' memory
)

// Main is for TestMain: it builds what the hosts run, calls the test binary
// again, as process 1 of new namespaces, and there calls run with the
// laboratory's directory. It returns the exit code. With keep the directory
// stays.
func Main(keep bool, run func(dir string) int) int {
	if dir := os.Getenv(envDir); dir != "" {
		prefer(os.Getpid())
		if err := enter(dir); err != nil {
			fmt.Fprintln(os.Stderr, "nfs:", err)
			return 1
		}
		return run(dir)
	}
	code, err := outside(keep)
	if err != nil {
		fmt.Fprintln(os.Stderr, "nfs:", err)
		return 1
	}
	return code
}

// outside prepares the directory, which needs the network, runs the test
// inside and cleans up.
func outside(keep bool) (code int, err error) {
	if os.Getuid() != 0 {
		return 0, errors.New("this suite needs root: it makes namespaces, bridges and mounts")
	}
	dir, err := os.MkdirTemp("", "nfs")
	if err != nil {
		return 0, err
	}
	if keep {
		fmt.Println("nfs: logs stay in", filepath.Join(dir, shareDir))
	} else {
		defer os.RemoveAll(dir)
	}
	if err := build(dir); err != nil {
		return 0, err
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), envDir+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
		Setsid:     true,
	}
	err = cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return max(1, ended.ExitCode()), nil
	}
	return 0, err
}

// build makes what the hosts need: a root with the agent as init and the
// broker, the shim, an empty disk.
func build(dir string) error {
	root := filepath.Join(dir, rootDir)
	for _, d := range []string{"proc", "sys", "dev", "tmp", "mnt", "lib/modules"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	for _, d := range []string{shareDir, memDir} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	module, err := harness.ModuleRoot()
	if err != nil {
		return err
	}
	if err := command(module, []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-ldflags=-s -w",
		"-o", filepath.Join(root, "init"), "./test/nfs/guest/init"); err != nil {
		return err
	}
	if err := command(module, nil, "gcc", "-O2", "-Wall", "-shared", "-fPIC",
		"-o", filepath.Join(dir, shimFile), "test/nfs/lab/testdata/xstate.c"); err != nil {
		return err
	}
	binary, err := harness.ConclaveBinary(dir)
	if err != nil {
		return err
	}
	// A copy: the hosts see nothing of this machine but the directory.
	return command(module, nil, "cp", binary, filepath.Join(root, "conclave"))
}

// enter completes the new namespaces.
func enter(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", filepath.Join(dir, memDir), "tmpfs", 0, "size=2g"); err != nil {
		return fmt.Errorf("mount memory: %w", err)
	}
	return nil
}

// command runs a program to its end; its output is part of the error.
func command(dir string, env []string, argv ...string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", argv, err, out)
	}
	return nil
}
