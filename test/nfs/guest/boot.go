package guest

import (
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Port is where a host takes commands.
const Port = 7000

// Share is where a host sees the laboratory's directory on this machine.
const Share = "/mnt/share"

// Parameters of the kernel's command line that Boot reads.
const (
	ParamName    = "lab.name"    // host name
	ParamShare   = "lab.share"   // this machine's directory for Share
	ParamModules = "lab.modules" // this machine's directory of kernel modules
	ParamStorage = "lab.vec0"    // address on the storage network
	ParamClients = "lab.vec1"    // address on the clients' network
)

// Boot makes the kernel that started it a host and serves commands for ever.
// What fails is said on the console; the test then finds no host to talk to.
func Boot() {
	if err := prepare(); err != nil {
		fmt.Println("lab: boot:", err)
	}
	server := rpc.NewServer()
	if err := server.Register(newAgent()); err != nil {
		fmt.Println("lab: agent:", err)
	}
	l, err := net.Listen("tcp", fmt.Sprint(":", Port))
	if err != nil {
		fmt.Println("lab: listen:", err)
		select {}
	}
	fmt.Println("lab: ready")
	server.Accept(l)
}

func prepare() error {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	params, err := parameters()
	if err != nil {
		return err
	}
	errs := []error{unix.Sethostname([]byte(params[ParamName]))}
	for _, m := range []struct{ source, target, kind, data string }{
		{"sysfs", "/sys", "sysfs", ""},
		{"tmpfs", "/tmp", "tmpfs", ""},
		{"tmpfs", "/mnt", "tmpfs", ""},
		{"none", moduleRoot, "hostfs", params[ParamModules]},
		{"none", Share, "hostfs", params[ParamShare]},
	} {
		errs = append(errs, mount(m.source, m.target, m.kind, m.data))
	}
	errs = append(errs, raise("lo", "127.0.0.1"))
	for device, param := range map[string]string{"vec0": ParamStorage, "vec1": ParamClients} {
		errs = append(errs, raise(device, params[param]))
	}
	return errors.Join(errs...)
}

func parameters() (map[string]string, error) {
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil, err
	}
	params := map[string]string{}
	for _, word := range strings.Fields(string(text)) {
		name, value, _ := strings.Cut(word, "=")
		params[name] = value
	}
	return params, nil
}

// mount makes the directory where it can; the root is read-only.
func mount(source, target, kind, data string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(source, target, kind, 0, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}
