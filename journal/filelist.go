package journal

import "slices"

// fileList is a set of journal files by number, ascending. Most are short, and
// what comes is mostly the highest.
type fileList []uint32

func (l fileList) has(file uint32) bool {
	_, found := slices.BinarySearch(l, file)
	return found
}

// with returns l and a file. It may change what l lies in.
func (l fileList) with(file uint32) fileList {
	i, found := slices.BinarySearch(l, file)
	if found {
		return l
	}
	return slices.Insert(l, i, file)
}

// without returns l less a file. It may change what l lies in. Files go in
// ascending order, so that what is left need not be moved.
func (l fileList) without(file uint32) fileList {
	i, found := slices.BinarySearch(l, file)
	switch {
	case !found:
		return l
	case len(l) == 1:
		return nil
	case i == 0:
		return l[1:]
	}
	return slices.Delete(l, i, i+1)
}
