package lock

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// FileSystem says what a directory is stored on.
type FileSystem struct {
	// Name is the kernel's usual name of the type, such as "ext4" or "nfs";
	// "0x1a2b" for a type that is not known here.
	Name string
	// Local reports that only this machine's kernel hands out the locks, so
	// that waiting inside it is woken at once. Types that are not known, and
	// FUSE, which may be either, count as not local.
	Local bool
}

// String gives the name and the kind, such as "nfs (network)".
func (f FileSystem) String() string {
	if f.Local {
		return f.Name + " (local)"
	}
	return f.Name + " (network)"
}

// Detect asks statfs(2) for the file system of an existing directory.
func Detect(dir string) (FileSystem, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(dir, &st)
		if err == nil {
			return fileSystemOf(uint32(st.Type)), nil
		}
		if err != unix.EINTR {
			return FileSystem{}, fmt.Errorf("statfs %s: %w", dir, err)
		}
	}
}

// fileSystemOf names the f_type values of statfs(2). The numbers without a
// name in x/sys are from the file systems' own sources.
func fileSystemOf(magic uint32) FileSystem {
	switch magic {
	case unix.EXT4_SUPER_MAGIC:
		return FileSystem{"ext4", true}
	case unix.XFS_SUPER_MAGIC:
		return FileSystem{"xfs", true}
	case unix.BTRFS_SUPER_MAGIC:
		return FileSystem{"btrfs", true}
	case unix.TMPFS_MAGIC:
		return FileSystem{"tmpfs", true}
	case unix.OVERLAYFS_SUPER_MAGIC:
		return FileSystem{"overlay", true}
	case unix.F2FS_SUPER_MAGIC:
		return FileSystem{"f2fs", true}
	case unix.RAMFS_MAGIC:
		return FileSystem{"ramfs", true}
	case 0x2FC12FC1:
		return FileSystem{"zfs", true}
	case 0xCA451A4E:
		return FileSystem{"bcachefs", true}
	case unix.NFS_SUPER_MAGIC:
		return FileSystem{"nfs", false}
	case unix.CIFS_SUPER_MAGIC:
		return FileSystem{"cifs", false}
	case unix.SMB2_SUPER_MAGIC:
		return FileSystem{"smb2", false}
	case unix.SMB_SUPER_MAGIC:
		return FileSystem{"smb", false}
	case unix.FUSE_SUPER_MAGIC:
		return FileSystem{"fuse", false}
	case unix.CEPH_SUPER_MAGIC:
		return FileSystem{"ceph", false}
	case unix.V9FS_MAGIC:
		return FileSystem{"9p", false}
	case unix.OCFS2_SUPER_MAGIC:
		return FileSystem{"ocfs2", false}
	case 0x01161970:
		return FileSystem{"gfs2", false}
	case 0x0BD00BD0:
		return FileSystem{"lustre", false}
	case 0x47504653:
		return FileSystem{"gpfs", false}
	case unix.AFS_FS_MAGIC, unix.AFS_SUPER_MAGIC:
		return FileSystem{"afs", false}
	}
	return FileSystem{fmt.Sprintf("%#x", magic), false}
}
