package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/conclavemq/conclave/test/nfs/guest"
)

// Lease is how long the server keeps what a silent client holds: the shortest
// that Linux's NFS server knows.
const Lease = 10 * time.Second

// Mount is where the clients mount the server's disk.
const Mount = "/mnt/nfs"

// diskSize is the length of the server's disk, a sparse file.
const diskSize = 512 << 20

// Lab is three hosts.
type Lab struct {
	Clients [2]*Host
	Server  *Host
	Share   string // this machine's path of guest.Share
}

// New lays the networks and boots the hosts, with the server's disk mounted on
// both clients. The hosts end with this process.
func New(dir string) (*Lab, error) {
	l := &Lab{
		Clients: [2]*Host{
			{Name: "a", number: 2, dir: dir, memory: "224M"},
			{Name: "b", number: 3, dir: dir, memory: "224M"},
		},
		Server: &Host{Name: "server", number: 4, dir: dir, memory: "160M", disk: filepath.Join(dir, diskFile)},
		Share:  filepath.Join(dir, shareDir),
	}
	if err := makeDisk(l.Server.disk); err != nil {
		return nil, err
	}
	if err := lay(2, 3, 4); err != nil {
		return nil, err
	}
	var joined sync.WaitGroup
	var errs [3]error
	joined.Go(func() { errs[2] = l.BootServer(true) })
	for i, h := range l.Clients {
		joined.Go(func() { errs[i] = h.Boot() })
	}
	joined.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	for _, h := range l.Clients {
		if err := l.MountOn(h); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func makeDisk(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(diskSize); err != nil {
		return err
	}
	return command("/", nil, "mkfs.ext4", "-q", "-F", path)
}

// BootServer boots the server. Unless it is fresh, clients get a grace period
// to reclaim what they held before its last end.
func (l *Lab) BootServer(fresh bool) error {
	if err := l.Server.Boot(); err != nil {
		return err
	}
	seconds := int(Lease / time.Second)
	return l.Server.Call("Serve", guest.ServeArgs{Lease: seconds, Grace: seconds, Fresh: fresh}, &guest.None{})
}

// MountOn mounts the server's disk on a client, with the options that mount.nfs
// would add. hard is the default, and what brokers should use.
func (l *Lab) MountOn(h *Host) error {
	server := storageNet.address(l.Server.number)
	return h.Call("Mount", guest.MountArgs{
		Source: server + ":/", Target: Mount, Kind: "nfs4",
		Data: fmt.Sprintf("vers=4.2,addr=%s,clientaddr=%s,hard,timeo=50,retrans=2,actimeo=1", server, storageNet.address(h.number)),
	}, &guest.None{})
}
