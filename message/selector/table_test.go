package selector

import (
	"bufio"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/conclavemq/conclave/message"
	"github.com/stretchr/testify/require"
)

// sample is the message of testdata/selectors.txt.
func sample(t testing.TB) *message.Message {
	properties := message.Properties{
		{Name: "yes", Value: true}, {Name: "no", Value: false},
		{Name: "b", Value: int8(5)}, {Name: "s", Value: int16(300)},
		{Name: "i", Value: int32(123)}, {Name: "neg", Value: int32(-7)}, {Name: "zero", Value: int32(0)},
		{Name: "imax", Value: int32(math.MaxInt32)}, {Name: "_u", Value: int32(1)},
		{Name: "l", Value: int64(5000000000)}, {Name: "lmax", Value: int64(math.MaxInt64)},
		{Name: "f", Value: float32(1.5)}, {Name: "g", Value: float32(1.1)},
		{Name: "d", Value: 2.25}, {Name: "big", Value: 1e20},
		{Name: "nan", Value: math.NaN()}, {Name: "inf", Value: math.Inf(1)},
		{Name: "name", Value: "James"}, {Name: "city", Value: "London"}, {Name: "quote", Value: "it's"},
		{Name: "empty", Value: ""}, {Name: "n5", Value: "5"}, {Name: "n25", Value: "2.25"}, {Name: "t", Value: "TRUE"},
		{Name: "path", Value: "a/b_c%d"}, {Name: "under", Value: "_foo"}, {Name: "multi", Value: "one\ntwo"},
		{Name: "uni", Value: "grüß😀"}, {Name: "$id_1", Value: "x"}, {Name: "csv", Value: "Tom,James,,George,,"},
		{Name: "punct", Value: "!#$&()*+,-./:;<=>?@[\\]^`{|}~"},
		{Name: "a-b", Value: int32(1)}, {Name: "bytes", Value: []byte("x")},
	}
	b, err := message.AppendProperties(nil, properties)
	require.NoError(t, err)
	id, err := message.ParseMessageID("ID:host-1-2-1:1:1:1:5")
	require.NoError(t, err)
	return &message.Message{
		Body: message.Text, Persistent: true, Priority: 7, GroupID: "g", GroupSequence: 3, UserID: "ann",
		RedeliveryCounter: 2, ID: id, CorrelationID: "c-1", Type: "order",
		Destination: message.NewQueue("ORDERS"),
		ReplyTo:     message.Destination{Kind: message.TempQueue, Name: "ID:h-1-2-0:1:1"},
		Transaction: message.TransactionID{Connection: "ID:host-1-2-1:1", Value: 9},
		Timestamp:   1700000000000, BrokerInTime: 1700000000001, BrokerOutTime: 1700000000002,
		BrokerPath: []message.BrokerID{"b1", "b2"},
		Properties: b,
	}
}

// Each line of the file is a letter (true, false, unknown or invalid), a tab
// and a selector. The letters of the first section are what ActiveMQ 5.17.2
// gave for the same message; the second section is where it differs.
func TestTable(t *testing.T) {
	file, err := os.Open("testdata/selectors.txt")
	require.NoError(t, err)
	defer file.Close()
	env := Of(sample(t))
	lines := 0
	for s := bufio.NewScanner(file); s.Scan(); {
		if s.Text() == "" || strings.HasPrefix(s.Text(), "#") {
			continue
		}
		want, text, ok := strings.Cut(s.Text(), "\t")
		require.True(t, ok, s.Text())
		text = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t").Replace(text)
		if got := outcome(text, env); got != want {
			t.Errorf("%q is %s, not %s", text, got, want)
		}
		lines++
	}
	require.Greater(t, lines, 500)
}

func outcome(text string, env Env) string {
	s, err := Parse(text)
	if err != nil {
		return "I"
	}
	letter := map[truth]string{yes: "T", no: "F", unknown: "U"}[s.root.test(env)]
	if s.Matches(env) != (letter == "T") {
		return "inconsistent"
	}
	return letter
}
