package broker

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

// readDelay takes nothing for a single delay that readPlan reads otherwise, and
// all that most clients send.
func TestReadDelay(t *testing.T) {
	for _, value := range []any{int8(5), int16(5), int32(5), int64(5)} {
		b, err := message.AppendProperties(nil, message.Properties{{Name: "color", Value: "red"}, {Name: scheduledDelay, Value: value}, {Name: "n", Value: 1.5}})
		require.NoError(t, err)
		delay, ok := readDelay(b)
		require.True(t, ok)
		require.Equal(t, int64(5), delay)
		require.Zero(t, testing.AllocsPerRun(100, func() { readDelay(b) }))
	}
	names := rapid.SampledFrom([]string{scheduledDelay, scheduledDelay, scheduledPeriod, scheduledRepeat, scheduledCron,
		scheduledPrefix, scheduledJobID, jobProperty, "color", "AMQ_SCHEDULED_DELAY_"})
	values := rapid.OneOf(rapid.Int64Range(-3, 3).AsAny(), rapid.Int32Range(-3, 3).AsAny(), rapid.SampledFrom([]any{
		nil, "7", "soon", "* * * * *", "\u00e9", 2.5, true, message.Properties{}, []any{}}))
	rapid.Check(t, func(r *rapid.T) {
		var p message.Properties
		for range rapid.IntRange(0, 4).Draw(r, "entries") {
			p = append(p, message.Property{Name: names.Draw(r, "name"), Value: values.Draw(r, "value")})
		}
		b, err := message.AppendProperties(nil, p)
		require.NoError(r, err)
		delay, ok := readDelay(b)
		if !ok {
			return
		}
		plan, asks, err := readPlan(p)
		require.NoError(r, err)
		require.True(r, asks)
		require.Equal(r, delay, plan.delay)
		plan.delay = 0
		require.Zero(r, plan)
		for _, other := range []string{scheduledJobID, jobProperty} {
			_, there := p.Get(other)
			require.False(r, there)
		}
	})
}
