package journal

import "encoding/binary"

const (
	adlerBase = 65521
	// adlerBlock is how many bytes are summed before the sums are reduced:
	// they stay far below 2^64.
	adlerBlock = 1 << 20
)

// checksum is the Adler-32 of b, 64 bytes at a time.
func checksum(b []byte) uint32 {
	s1, s2 := uint64(1), uint64(0)
	for len(b) > 0 {
		block := b[:min(len(b), adlerBlock)]
		b = b[len(block):]
		for ; len(block) >= 64; block = block[64:] {
			sum, weighted := adler64((*[64]byte)(block))
			s2 += s1<<6 + weighted
			s1 += sum
		}
		for _, c := range block {
			s1 += uint64(c)
			s2 += s1
		}
		s1 %= adlerBase
		s2 %= adlerBase
	}
	return uint32(s2<<16 | s1)
}

// adler64 returns the sum of 64 bytes, and their sum weighted by 64, 63, …, 1.
// The even and the odd bytes of each word are added in 16-bit lanes, and a
// multiplication adds weighted lanes up in the highest one. No lane overflows:
// the highest values are 8·255·(8+6+4+2) and, of before, 4·510·(1+2+…+7).
func adler64(b *[64]byte) (sum, weighted uint64) {
	const (
		lanes     = 0x00ff00ff00ff00ff
		all       = 1 | 1<<16 | 1<<32 | 1<<48
		evenBytes = 2 | 4<<16 | 6<<32 | 8<<48 // the first byte counts most
		oddBytes  = 1 | 3<<16 | 5<<32 | 7<<48
	)
	w0 := binary.LittleEndian.Uint64(b[0:])
	w1 := binary.LittleEndian.Uint64(b[8:])
	w2 := binary.LittleEndian.Uint64(b[16:])
	w3 := binary.LittleEndian.Uint64(b[24:])
	w4 := binary.LittleEndian.Uint64(b[32:])
	w5 := binary.LittleEndian.Uint64(b[40:])
	w6 := binary.LittleEndian.Uint64(b[48:])
	w7 := binary.LittleEndian.Uint64(b[56:])
	even, odd := w0&lanes, w0>>8&lanes
	before := even + odd
	even, odd = even+(w1&lanes), odd+(w1>>8&lanes)
	before += even + odd
	even, odd = even+(w2&lanes), odd+(w2>>8&lanes)
	before += even + odd
	even, odd = even+(w3&lanes), odd+(w3>>8&lanes)
	before += even + odd
	even, odd = even+(w4&lanes), odd+(w4>>8&lanes)
	before += even + odd
	even, odd = even+(w5&lanes), odd+(w5>>8&lanes)
	before += even + odd
	even, odd = even+(w6&lanes), odd+(w6>>8&lanes)
	before += even + odd
	even, odd = even+(w7&lanes), odd+(w7>>8&lanes)
	sum = ((even + odd) * all) >> 48
	return sum, (before*all)>>48<<3 + (even*evenBytes)>>48 + (odd*oddBytes)>>48
}

// combineSums is the Adler-32 of two concatenated parts, of which sum2 covers
// the second, length2 bytes long.
func combineSums(sum1, sum2 uint32, length2 int) uint32 {
	n := uint64(length2) % adlerBase
	a1, b1 := uint64(sum1&0xffff), uint64(sum1>>16)
	a2, b2 := uint64(sum2&0xffff), uint64(sum2>>16)
	a := (a1 + a2 + adlerBase - 1) % adlerBase
	b := (b1 + b2 + n*(a1+adlerBase-1)) % adlerBase
	return uint32(b<<16 | a)
}
