package guest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Disk is where the server mounts the disk that it exports.
const Disk = "/mnt/disk"

// ServeArgs are the arguments of Agent.Serve.
type ServeArgs struct {
	// Lease and Grace are in seconds, both at least 10.
	Lease, Grace int
	// Fresh says that no client holds anything from before: no grace period.
	Fresh bool
}

// Serve mounts the first block device on Disk and makes this host an NFSv4
// server whose root it is. It loads nfsd, sets it up through its files in
// /proc/fs/nfsd and answers its questions about exports, as rpc.mountd does.
func (a *Agent) Serve(args ServeArgs, _ *None) error {
	if err := mount("/dev/ubda", Disk, "ext4", ""); err != nil {
		return err
	}
	if err := load("nfsd"); err != nil {
		return err
	}
	if err := mount("nfsd", controls, "nfsd", ""); err != nil {
		return err
	}
	recovery := Disk + "/.v4recovery"
	if err := os.MkdirAll(recovery, 0o755); err != nil {
		return err
	}
	for cache, answer := range exports {
		if err := answerCache(cache, answer); err != nil {
			return err
		}
	}
	socket, err := listenNFS()
	if err != nil {
		return err
	}
	settings := []struct{ name, value string }{
		{"nfsv4recoverydir", recovery},
		{"nfsv4leasetime", strconv.Itoa(args.Lease)},
		{"nfsv4gracetime", strconv.Itoa(args.Grace)},
		{"versions", "-3 +4 +4.1 +4.2"}, // version 3 would want a portmapper
		{"portlist", strconv.Itoa(socket)},
		{"threads", "8"},
	}
	if args.Fresh {
		settings = append(settings, struct{ name, value string }{"v4_end_grace", "Y"})
	}
	for _, s := range settings {
		if err := os.WriteFile(controls+"/"+s.name, []byte(s.value+"\n"), 0); err != nil {
			return fmt.Errorf("nfsd: %q: %w", s.value, err)
		}
	}
	return nil
}

const controls = "/proc/fs/nfsd"

// listenNFS makes the socket that the kernel takes over.
func listenNFS() (int, error) {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	if err := unix.Bind(s, &unix.SockaddrInet4{Port: 2049}); err != nil {
		return 0, err
	}
	return s, unix.Listen(s, 64)
}

// Flags of an export. (linux/nfsd/export.h)
const (
	exportInsecure       = 0x2 // ports above 1023
	exportNoSubtreeCheck = 0x400
	exportRoot           = 0x2000 // fsid=0: the root of NFSv4's name space
)

// exports answers the kernel's three caches. A question is a line of words,
// its answer the same words, the second until which it holds, and the value;
// without a value it is no.
var exports = map[string]func(words []string) string{
	"auth.unix.ip": func(w []string) string { return fmt.Sprintf("%s %s %d lab", w[0], w[1], forEver) },
	"nfsd.export": func(w []string) string {
		if w[1] != Disk {
			return fmt.Sprintf("%s %s %d", w[0], w[1], aMinute())
		}
		return fmt.Sprintf("%s %s %d %d 65534 65534 0", w[0], w[1], forEver, exportInsecure|exportNoSubtreeCheck|exportRoot)
	},
	"nfsd.fh": func(w []string) string {
		if w[1] != "1" || w[2] != `\x00000000` { // by number, number 0
			return fmt.Sprintf("%s %s %s %d", w[0], w[1], w[2], aMinute())
		}
		return fmt.Sprintf("%s %s %s %d %s", w[0], w[1], w[2], forEver, Disk)
	},
}

const forEver = 1<<31 - 1

func aMinute() int64 { return time.Now().Unix() + 60 }

// answerCache answers one cache's questions for ever.
func answerCache(cache string, answer func([]string) string) error {
	f, err := os.OpenFile("/proc/net/rpc/"+cache+"/channel", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	go func() {
		defer f.Close()
		buf := make([]byte, 8192)
		for {
			if err := waitQuestion(f); err != nil {
				fmt.Println("lab:", cache, err)
				return
			}
			n, _ := f.Read(buf) // another reader may have been first
			for line := range strings.Lines(string(buf[:n])) {
				words := strings.Fields(line)
				if len(words) < 2 {
					continue
				}
				if _, err := f.WriteString(answer(words) + "\n"); err != nil {
					fmt.Println("lab:", cache, err)
				}
			}
		}
	}()
	return nil
}

// waitQuestion waits until a cache has a question: reading never blocks.
func waitQuestion(f *os.File) error {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}, -1)
		if err != unix.EINTR {
			return err
		}
	}
}
