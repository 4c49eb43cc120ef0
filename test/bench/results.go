package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
)

// results are all measured values.
type results struct {
	Host   string      `json:"host"`
	Disk   []diskRates `json:"disk"` // one a round
	Values []*series   `json:"values"`
}

// series is one figure of one column, a value a round.
type series struct {
	Row       string    `json:"row"`
	Figure    string    `json:"figure"`
	Generator string    `json:"generator"`
	Column    string    `json:"column"`
	Values    []float64 `json:"values"`
	Failures  []string  `json:"failures,omitempty"`
}

func (r *results) series(row, figure, generator string, col column) *series {
	for _, s := range r.Values {
		if s.Row == row && s.Figure == figure && s.Generator == generator && s.Column == col.key() {
			return s
		}
	}
	s := &series{Row: row, Figure: figure, Generator: generator, Column: col.key()}
	r.Values = append(r.Values, s)
	return s
}

func (r *results) add(row, figure, generator string, col column, value float64) {
	s := r.series(row, figure, generator, col)
	s.Values = append(s.Values, value)
}

// failed is the figure under which failures of a row are kept.
const failed = "failed"

func (r *results) fail(row, generator string, col column, err error) {
	s := r.series(row, failed, generator, col)
	s.Failures = append(s.Failures, err.Error())
}

// median of the rounds; ok is false where there is none.
func (r *results) median(row, figure, generator string, col column) (m float64, ok bool) {
	return median(r.series(row, figure, generator, col).Values)
}

func median(values []float64) (float64, bool) {
	n := len(values)
	if n == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(values))
	if n%2 == 1 {
		return sorted[n/2], true
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2, true
}

// append is the median of the disk's preallocated append rate.
func (r *results) append() float64 {
	var values []float64
	for _, d := range r.Disk {
		values = append(values, d.Preallocated)
	}
	m, _ := median(values)
	return m
}

func (r *results) writeJSON(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// number prints a value with what digits it deserves.
func number(v float64) string {
	switch {
	case v >= 100:
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

func thousands(digits string) string {
	if len(digits) <= 3 {
		return digits
	}
	return fmt.Sprintf("%s,%s", thousands(digits[:len(digits)-3]), digits[len(digits)-3:])
}
