package guest

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// raise gives a network device an address, with the mask of its class C
// network, and starts it. (netdevice(7))
func raise(device, address string) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	ip := net.ParseIP(address).To4()
	if ip == nil {
		return fmt.Errorf("%s: %q is no address", device, address)
	}
	for _, step := range []struct {
		request uint
		address []byte
	}{{unix.SIOCSIFADDR, ip}, {unix.SIOCSIFNETMASK, []byte{255, 255, 255, 0}}} {
		r, err := unix.NewIfreq(device)
		if err != nil {
			return err
		}
		if err := r.SetInet4Addr(step.address); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(s, step.request, r); err != nil {
			return fmt.Errorf("%s: %w", device, err)
		}
	}
	r, err := unix.NewIfreq(device)
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, r); err != nil {
		return fmt.Errorf("start %s: %w", device, err)
	}
	return nil
}
