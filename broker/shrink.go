package broker

import "maps"

// peak is how large a map has been since it was last made. A map never gives
// back the memory of its entries; one that had many is made anew when few are
// left.
type peak int

// worth is from how many entries on that is done.
const worth = 4096

// shrunk is called after a removal and returns the map to go on with.
func shrunk[K comparable, V any](m map[K]V, p *peak) map[K]V {
	*p = max(*p, peak(len(m)+1))
	if *p < worth || len(m) > int(*p)/4 {
		return m
	}
	*p = 0
	small := make(map[K]V, len(m))
	maps.Copy(small, m)
	return small
}
