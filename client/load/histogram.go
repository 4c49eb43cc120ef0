package load

import (
	"math"
	"math/bits"
	"time"
)

// Histogram counts durations in buckets whose width is about 3 % of their
// value. The zero value is empty.
type Histogram struct {
	buckets [64 * subBuckets]int64
	count   int64
	max     time.Duration
}

const (
	subBits    = 5
	subBuckets = 1 << subBits
)

// Add counts one duration; a negative one counts as zero.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucketOf(d)]++
	h.count++
	h.max = max(h.max, d)
}

// Merge adds another histogram.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
	h.count += o.count
	h.max = max(h.max, o.max)
}

// Count is how many durations were added.
func (h *Histogram) Count() int64 { return h.count }

// Max is the longest duration.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile gives the duration that a share q (0–1) of all does not exceed,
// rounded up by at most 3 %; 0 where there is none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := max(int64(math.Ceil(q*float64(h.count))), 1)
	for i, n := range h.buckets {
		if rank -= n; rank <= 0 {
			return min(upper(i), h.max)
		}
	}
	return h.max
}

// bucketOf is exact below subBuckets nanoseconds; above, the bucket is the
// position of the highest bit and the subBits bits after it.
func bucketOf(d time.Duration) int {
	v := uint64(d)
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return (shift+1)<<subBits + int(v>>shift)&(subBuckets-1)
}

// upper is the largest duration of a bucket.
func upper(bucket int) time.Duration {
	if bucket < subBuckets {
		return time.Duration(bucket)
	}
	shift := bucket>>subBits - 1
	base := uint64(subBuckets + bucket&(subBuckets-1))
	return time.Duration((base+1)<<shift - 1)
}
