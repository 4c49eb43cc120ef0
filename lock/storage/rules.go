package storage

import (
	"fmt"
	"slices"
	"strings"
)

// rule is what an option of a kind of file system means.
type rule struct {
	kinds  []string
	option string
	values []string // nil: whatever its value
	check  string
	Result
}

var (
	nfsKinds  = []string{"nfs", "nfs4"}
	cifsKinds = []string{"cifs", "smb3", "smbfs"}
	diskKinds = []string{"ext4", "ext3", "xfs", "btrfs"}
	localOnly = "every host would get the lock for itself"
	twoHosts  = "run check-storage with --listen and --peer on two hosts, which is the only proof"
)

// rules are in the order in which they are reported.
var rules = []rule{
	{nfsKinds, "vers", []string{"2", "3"}, CheckNFSVersion, Result{Verdict: Unsafe,
		Reason: "NFS before version 4 never frees the lock of a host that died, and can lose locks when the server restarts",
		Remedy: "mount with vers=4.1 or vers=4.2"}},
	{nfsKinds, "nolock", nil, CheckLockOptions, Result{Verdict: Unsafe,
		Reason: "mounted with nolock: " + localOnly,
		Remedy: "remount without nolock"}},
	{nfsKinds, "local_lock", []string{"all", "posix"}, CheckLockOptions, Result{Verdict: Unsafe,
		Reason: "byte-range locks stay on this host (local_lock): " + localOnly,
		Remedy: "remount without local_lock"}},
	{nfsKinds, "local_lock", []string{"flock"}, CheckLockOptions, Result{Verdict: Warn,
		Reason: "flock stays on this host (local_lock=flock); only the byte-range lock excludes other hosts",
		Remedy: "remount without local_lock"}},
	{cifsKinds, "nobrl", nil, CheckLockOptions, Result{Verdict: Unsafe,
		Reason: "mounted with nobrl: byte-range locks stay on this host, " + localOnly,
		Remedy: "remount without nobrl"}},
	{[]string{"lustre"}, "localflock", nil, CheckLockOptions, Result{Verdict: Unsafe,
		Reason: "mounted with localflock: " + localOnly,
		Remedy: "mount with flock"}},
	{[]string{"gfs2"}, "lockproto", []string{"lock_nolock"}, CheckLockOptions, Result{Verdict: Unsafe,
		Reason: "mounted with lock_nolock: the hosts do not know of each other",
		Remedy: "mount with lock_dlm"}},
	{[]string{"gfs2"}, "localflocks", nil, CheckLockOptions, Result{Verdict: Unsafe,
		Reason: "mounted with localflocks: " + localOnly,
		Remedy: "remount without localflocks"}},
	{[]string{"ocfs2"}, "localflocks", nil, CheckLockOptions, Result{Verdict: Unsafe,
		Reason: "mounted with localflocks: " + localOnly,
		Remedy: "remount without localflocks"}},
	{[]string{"9p"}, "version", []string{"9p2000", "9p2000.u"}, CheckLockOptions, Result{Verdict: Unsafe,
		Reason: "this version of 9P has no locks: " + localOnly,
		Remedy: "mount with version=9p2000.L"}},

	{nfsKinds, "nocto", nil, CheckCacheOptions, Result{Verdict: Unsafe,
		Reason: "mounted with nocto: a new master may read old content of the journal from its cache",
		Remedy: "remount with cto"}},
	{cifsKinds, "cache", []string{"loose"}, CheckCacheOptions, Result{Verdict: Unsafe,
		Reason: "mounted with cache=loose: a new master may read old content of the journal from its cache",
		Remedy: "mount with cache=strict"}},
	{[]string{"9p"}, "cache", []string{"loose", "fscache", "mmap", "readahead"}, CheckCacheOptions, Result{Verdict: Warn,
		Reason: "mounted with a cache that other hosts' writes do not end",
		Remedy: "mount with cache=none"}},
	{cifsKinds, "noserverino", nil, CheckCacheOptions, Result{Verdict: Warn,
		Reason: "mounted with noserverino: inode numbers are made up here, and a replaced lock file may not be noticed",
		Remedy: "mount with serverino"}},

	{append(slices.Clone(nfsKinds), cifsKinds...), "soft", nil, CheckErrorOptions, Result{Verdict: Warn,
		Reason: "mounted soft: storage that is slow for a while fails writes, and each time the master leaves",
		Remedy: "mount hard: the broker bounds its own wait"}},
	{nfsKinds, "softerr", nil, CheckErrorOptions, Result{Verdict: Warn,
		Reason: "mounted softerr: storage that is slow for a while fails writes, and each time the master leaves",
		Remedy: "mount hard: the broker bounds its own wait"}},

	{diskKinds, "nobarrier", nil, CheckSyncOptions, Result{Verdict: Warn,
		Reason: "mounted with nobarrier: a sync does not flush the disk's cache, so that power loss takes acknowledged messages",
		Remedy: "mount with barriers, unless the cache has a battery"}},
	{diskKinds, "barrier", []string{"0"}, CheckSyncOptions, Result{Verdict: Warn,
		Reason: "mounted with barrier=0: a sync does not flush the disk's cache, so that power loss takes acknowledged messages",
		Remedy: "mount with barrier=1, unless the cache has a battery"}},
	{[]string{"overlay"}, "volatile", nil, CheckSyncOptions, Result{Verdict: Unsafe,
		Reason: "an overlay mounted volatile: a sync does nothing",
		Remedy: "use a directory of a volume"}},
}

// judge is what the mount's kind and options say.
func judge(m *mount) []Result {
	results := []Result{judgeKind(m)}
	if _, ro := m.option("ro"); ro {
		results = append(results, Result{Check: CheckReadOnly, Verdict: Unsafe,
			Reason: m.point + " is a read-only file system", Remedy: "mount it read-write; see the kernel's log if it was: it turns so after an error"})
	}
	for _, r := range rules {
		value, ok := m.option(r.option)
		if ok && slices.Contains(r.kinds, m.kind) && (r.values == nil || slices.Contains(r.values, strings.ToLower(value)) || majorIn(value, r)) {
			found := r.Result
			found.Check = r.check
			results = append(results, found)
		}
	}
	if slices.Contains(nfsKinds, m.kind) {
		results = append(results, judgeCaching(m)...)
	}
	return results
}

// majorIn compares a version such as 3.0 by what is before its point.
func majorIn(value string, r rule) bool {
	major, _, _ := strings.Cut(value, ".")
	return r.option == "vers" && slices.Contains(r.values, major)
}

// judgeKind is what the file system alone says; it is never missing.
func judgeKind(m *mount) Result {
	r := Result{Check: CheckMount, Reason: fmt.Sprintf("%s on %s (%s)", m.kind, m.point, m.source)}
	warn := func(reason, remedy string) {
		r.Verdict, r.Remedy = Warn, remedy
		r.Reason += ": " + reason
	}
	kind, _, _ := strings.Cut(m.kind, ".")
	switch kind {
	case "tmpfs", "ramfs":
		warn("messages are in memory and gone with this machine's power", "use a disk for messages that are to be kept")
	case "overlay":
		warn("a container's own layer, which ends with the container and is seen by no other", "use a directory of a volume")
	case "fuse", "fuseblk", "virtiofs":
		warn("whether locks and syncs reach the storage depends on the program behind it", twoHosts)
	case "ocfs2", "gfs2", "9p", "lustre", "glusterfs", "beegfs", "afs":
		warn("whether hosts exclude each other depends on how its cluster is set up", twoHosts)
	case "cifs", "smb3", "smbfs":
		warn("whether hosts exclude each other depends on the server", twoHosts)
	case "nfs", "nfs4":
		version, _ := m.option("vers")
		r.Reason += ", version " + version
	case "ext4", "ext3", "ext2", "xfs", "btrfs", "zfs", "f2fs", "bcachefs":
		r.Reason += ": local, for brokers of this host"
	}
	return r
}

// Linux's defaults and what is more than twice of them. (nfs(5))
const (
	longestFile      = 60
	longestDirectory = 60
)

// judgeCaching looks for attributes that are kept for very long. The kernel
// lists those that are not as usual.
func judgeCaching(m *mount) []Result {
	var long []string
	for _, limit := range []struct {
		option  string
		seconds int
	}{{"acregmin", longestFile}, {"acregmax", longestFile}, {"acdirmin", longestDirectory}, {"acdirmax", longestDirectory}, {"actimeo", longestFile}} {
		if n := m.number(limit.option, 0); n > limit.seconds {
			long = append(long, fmt.Sprintf("%s=%d", limit.option, n))
		}
	}
	if long == nil {
		return nil
	}
	return []Result{{Check: CheckCacheOptions, Verdict: Warn,
		Reason: "attributes are cached for long (" + strings.Join(long, ", ") + "): a replaced lock file is noticed late",
		Remedy: "mount with actimeo=1 or the defaults"}}
}
