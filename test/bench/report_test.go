package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

func twoRows() []row {
	return []row{
		{Key: "speed", Loaded: true, Figures: rate("speed", ratios(2, 3))},
		{Key: "append", Loaded: true, Figures: rate("append", func(string) target { return target{OfAppend: 0.6} })},
		{Key: "size", Figures: []figure{{Key: "idle", Title: "idle", Unit: "MiB", Lower: true, Target: limit(50)}}},
	}
}

func measured(ours, append, idle float64) *results {
	r := &results{Disk: []diskRates{{Preallocated: 900}, {Preallocated: 1000}, {Preallocated: 1100}}}
	for _, v := range []float64{90, 100, 500} {
		r.add("speed", "rate", "go", column{Kind: harness.ActiveMQ, Concurrent: true}, v)
	}
	r.add("speed", "rate", "go", column{Kind: harness.ActiveMQ, Concurrent: false}, 200)
	r.add("speed", "rate", "go", column{Kind: harness.Conclave, Concurrent: true}, ours)
	r.add("speed", "rate", "go", column{Kind: harness.Conclave, Concurrent: false}, 1)
	r.add("append", "rate", "go", column{Kind: harness.Conclave, Concurrent: true}, append)
	r.add("size", "idle", "go", column{Kind: harness.ActiveMQ, Concurrent: true}, 100)
	r.add("size", "idle", "go", column{Kind: harness.ActiveMQ, Concurrent: false}, 90)
	r.add("size", "idle", "go", column{Kind: harness.Conclave, Concurrent: true}, idle)
	return r
}

func TestJudgement(t *testing.T) {
	opts := &options{generators: []string{"go"}, columns: columns}
	rows := twoRows()
	marks := func(r *results) []string {
		var list []string
		for _, row := range rows {
			j := judge(r, row, row.Figures[0], "go", opts)
			list = append(list, j.ratio+" "+j.mark)
		}
		return list
	}
	require.Equal(t, []string{"3.00× PASS", " (60 %) PASS", "0.50× PASS"}, marks(measured(600, 600, 45)))
	require.Equal(t, []string{"2.99× MISS", " (59 %) MISS", "0.57× MISS"}, marks(measured(598, 590, 51)))
	require.Equal(t, []string{" MISS", " MISS", " MISS"}, marks(&results{}), "what failed is a miss")
	alone := &results{}
	alone.add("speed", "rate", "go", column{Kind: harness.Conclave, Concurrent: true}, 100)
	require.Equal(t, " NO RATIO", marks(alone)[0], "there is nothing to compare with")
}

func TestReport(t *testing.T) {
	opts := &options{generators: []string{"go"}, columns: columns, rounds: 1}
	r := measured(1234, 700, 45)
	r.fail("append", "go", column{Kind: harness.ActiveMQ, Concurrent: true}, errors.New("no broker"))
	table := report(r, twoRows(), opts)
	var text, markdown bytes.Buffer
	table.text(&text)
	require.Contains(t, text.String(), "1,234")
	require.Contains(t, text.String(), "failed")
	require.Contains(t, text.String(), "≥ 3×")
	table.markdown(&markdown)
	lines := strings.Split(strings.TrimSpace(markdown.String()), "\n")
	require.Len(t, lines, 2+3)
	for _, line := range lines {
		require.Equal(t, strings.Count(lines[0], "|"), strings.Count(line, "|"), line)
	}
}

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{2: {3, 1, 2}, 2.5: {4, 1, 2, 3}, 7: {7}} {
		got, ok := median(values)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	_, ok := median(nil)
	require.False(t, ok)
}

func TestFlags(t *testing.T) {
	o, err := parseFlags([]string{"-generators", "go", "-settings", "conclave,activemq-sequential"})
	require.NoError(t, err)
	require.Equal(t, []column{{Kind: harness.Conclave, Concurrent: true}, {Kind: harness.ActiveMQ}}, o.columns)
	for _, bad := range [][]string{{"-settings", "rabbit"}, {"-generators", "perl"}, {"-nonsense"}} {
		_, err := parseFlags(bad)
		require.Error(t, err)
	}
	_, err = chosenRows("sync-1,nonsense")
	require.ErrorContains(t, err, "nonsense")
	all, err := chosenRows("all")
	require.NoError(t, err)
	require.Len(t, all, len(rows()))
	some, err := chosenRows("main,bridge")
	require.NoError(t, err)
	require.Equal(t, "sync-1", some[0].Key)
	require.Equal(t, "bridge", some[len(some)-1].Key)
}

func TestNumber(t *testing.T) {
	for want, v := range map[string]float64{"0.072": 0.0721, "15.4": 15.44, "1,234,567": 1234567, "999": 999.2} {
		require.Equal(t, want, number(v))
	}
}

func TestReportOfAnEarlierBuild(t *testing.T) {
	o, err := parseFlags([]string{"-settings", "conclave", "-against", "conclave-1"})
	require.NoError(t, err)
	require.Equal(t, []column{{Kind: harness.Conclave, Concurrent: true}, earlier}, o.columns)
	r := &results{}
	rows := rows()[:1]
	r.add(rows[0].Key, rows[0].Figures[0].Key, "go", o.columns[0], 90)
	r.add(rows[0].Key, rows[0].Figures[0].Key, "go", earlier, 100)
	table := report(r, rows, o)
	require.Equal(t, "change", table[0][len(table[0])-1])
	require.Equal(t, "-10.0 % DROP", table[1][len(table[1])-1])
	r.add(rows[0].Key, rows[0].Figures[0].Key, "go", o.columns[0], 106) // the median is 98
	require.Equal(t, "-2.0 %", report(r, rows, o)[1][len(table[1])-1])
	f := figure{Key: "ms", Lower: true}
	r.add("row", "ms", "go", o.columns[0], 106)
	r.add("row", "ms", "go", earlier, 100)
	require.Equal(t, "+6.0 % DROP", change(r, row{Key: "row"}, f, "go"))
	require.Contains(t, table[0], "Conclave earlier")
}
