package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/conclavemq/conclave/test/harness"
)

// table is the report: a heading and lines of cells.
type table [][]string

// report lays out the medians of all figures that were measured.
func report(r *results, chosen []row, opts *options) table {
	head := []string{"", "generator"}
	for _, c := range opts.columns {
		head = append(head, c.title())
	}
	head = append(head, "ratio", "target", "")
	if opts.against != "" {
		head = append(head, "change")
	}
	lines := table{head}
	for _, row := range chosen {
		generators := opts.generators
		if !row.Loaded {
			generators = []string{"go"}
		}
		for _, f := range row.Figures {
			for _, g := range generators {
				shown := g
				if !row.Loaded {
					shown = ""
				}
				lines = append(lines, line(r, row, f, g, shown, opts))
			}
		}
	}
	return lines
}

func line(r *results, row row, f figure, generator, shown string, opts *options) []string {
	title := f.Title
	if f.Unit != "" && f.Unit != "msgs/s" {
		title += " (" + f.Unit + ")"
	}
	cells := []string{title, shown}
	for _, c := range opts.columns {
		v, ok := r.median(row.Key, f.Key, generator, c)
		switch {
		case ok:
			cells = append(cells, number(v))
		case len(r.series(row.Key, failed, generator, c).Failures) > 0:
			cells = append(cells, "failed")
		default:
			cells = append(cells, "–")
		}
	}
	j := judge(r, row, f, generator, opts)
	cells = append(cells, j.ratio, f.Target(generator).String(), j.mark)
	if opts.against != "" {
		cells = append(cells, change(r, row, f, generator))
	}
	return cells
}

// change is by how much Conclave differs from its earlier build, and whether it
// is worse by more than is tolerated.
func change(r *results, row row, f figure, generator string) string {
	now, haveNow := r.median(row.Key, f.Key, generator, column{Kind: harness.Conclave, Concurrent: true})
	before, haveBefore := r.median(row.Key, f.Key, generator, earlier)
	if !haveNow || !haveBefore || before == 0 {
		return ""
	}
	text := fmt.Sprintf("%+.1f %%", 100*(now/before-1))
	if f.Lower && now > before*(1+tolerated) || !f.Lower && now < before*(1-tolerated) {
		text += " DROP"
	}
	return text
}

// tolerated is by how much a figure may be worse than an earlier build's.
const tolerated = 0.05

// judgement compares Conclave as it comes with the better of ActiveMQ's
// columns, and with the target.
type judgement struct{ ratio, mark string }

func judge(r *results, row row, f figure, generator string, opts *options) judgement {
	ours, have := r.median(row.Key, f.Key, generator, column{Kind: harness.Conclave, Concurrent: true})
	t := f.Target(generator)
	if !have {
		ours, have = r.median(row.Key, f.Key, generator, column{Kind: harness.Conclave})
	}
	if !have {
		if t != (target{}) && wantsConclave(opts) {
			return judgement{mark: "MISS"}
		}
		return judgement{}
	}
	var j judgement
	ratio := 0.0
	if theirs, ok := better(r, row, f, generator); ok && theirs > 0 && ours > 0 {
		ratio = ours / theirs
		j.ratio = fmt.Sprintf("%.2f×", ratio)
	}
	passed := false
	switch {
	case t.Ratio > 0 && ratio > 0:
		passed = ratio >= t.Ratio
	case t.Limit > 0:
		passed = ours <= t.Limit
	case t.OfAppend > 0:
		share := ours / r.append()
		j.ratio += fmt.Sprintf(" (%.0f %%)", 100*share)
		passed = share >= t.OfAppend
	case t.Ratio > 0:
		j.mark = "NO RATIO" // ActiveMQ's side failed
		return j
	default:
		return j
	}
	j.mark = "MISS"
	if passed {
		j.mark = "PASS"
	}
	return j
}

func wantsConclave(opts *options) bool {
	for _, c := range opts.columns {
		if c.Kind == harness.Conclave {
			return true
		}
	}
	return false
}

// better is the better median of ActiveMQ's columns.
func better(r *results, row row, f figure, generator string) (best float64, ok bool) {
	for _, concurrent := range []bool{true, false} {
		v, have := r.median(row.Key, f.Key, generator, column{Kind: harness.ActiveMQ, Concurrent: concurrent})
		if have && (!ok || f.Lower && v < best || !f.Lower && v > best) {
			best, ok = v, true
		}
	}
	return best, ok
}

// text prints the table with aligned columns.
func (t table) text(out io.Writer) {
	widths := make([]int, len(t[0]))
	for _, cells := range t {
		for i, c := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, cells := range t {
		var b strings.Builder
		for i, c := range cells {
			gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if i < 2 || i == len(cells)-1 {
				b.WriteString(c + gap + "  ")
			} else {
				b.WriteString(gap + c + "  ")
			}
		}
		fmt.Fprintln(out, strings.TrimRight(b.String(), " "))
	}
}

// markdown prints the table for a document.
func (t table) markdown(out io.Writer) {
	for i, cells := range t {
		fmt.Fprintln(out, "| "+strings.Join(cells, " | ")+" |")
		if i == 0 {
			fmt.Fprintln(out, "|---|---"+strings.Repeat("|---:", len(cells)-3)+"|---|")
		}
	}
}
