package load

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestHistogramQuantileIsWithinItsBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Hour)), 1, 200).Draw(t, "values")
		var a, b Histogram
		for i, v := range values {
			if i%2 == 0 {
				a.Add(time.Duration(v))
			} else {
				b.Add(time.Duration(v))
			}
		}
		a.Merge(&b)
		slices.Sort(values)
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		exact := values[max(int(math.Ceil(q*float64(len(values)))), 1)-1]
		got := int64(a.Quantile(q))
		require.GreaterOrEqual(t, got, exact)
		require.LessOrEqual(t, float64(got), float64(exact)*1.04+1)
		require.Equal(t, int64(len(values)), a.Count())
		require.Equal(t, time.Duration(values[len(values)-1]), a.Max())
	})
}

func TestHistogramOfNothing(t *testing.T) {
	var h Histogram
	require.Zero(t, h.Quantile(0.99))
	h.Add(-time.Second)
	require.Zero(t, h.Quantile(1))
}

func TestHistogramHoldsTheLongestDuration(t *testing.T) {
	var h Histogram
	h.Add(math.MaxInt64)
	require.Equal(t, time.Duration(math.MaxInt64), h.Quantile(1))
}
