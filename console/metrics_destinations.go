package console

import (
	"bufio"
	"strconv"
	"strings"
)

// destinationMetric is a family of metrics with one series for each destination.
type destinationMetric struct {
	name, kind, help string
	value            func(*Destination) int64
}

// destinationMetrics are all of them. Names end as Prometheus wants.
var destinationMetrics = []destinationMetric{
	{"messages", "gauge", "Messages in a queue.", func(d *Destination) int64 { return d.Size }},
	{"inflight_messages", "gauge", "Messages that consumers have and have not acknowledged.", func(d *Destination) int64 { return d.InFlight }},
	{"consumers", "gauge", "Consumers.", func(d *Destination) int64 { return d.Consumers }},
	{"producers", "gauge", "Producers.", func(d *Destination) int64 { return d.Producers }},
	{"memory_bytes", "gauge", "Messages in memory.", func(d *Destination) int64 { return d.MemoryUsed }},
	{"enqueued_total", "counter", "Messages that were accepted.", func(d *Destination) int64 { return d.Enqueued }},
	{"dispatched_total", "counter", "Messages that were given to consumers.", func(d *Destination) int64 { return d.Dispatched }},
	{"dequeued_total", "counter", "Messages that were acknowledged; of a topic, by each subscription.", func(d *Destination) int64 { return d.Dequeued }},
	{"expired_total", "counter", "Messages that have expired.", func(d *Destination) int64 { return d.Expired }},
	{"dead_lettered_total", "counter", "Messages that became dead letters.", func(d *Destination) int64 { return d.DeadLettered }},
	{"discarded_total", "counter", "Messages that were dropped for slow or absent consumers.", func(d *Destination) int64 { return d.Discarded }},
	{"blocked_sends_total", "counter", "Sends that found no space, and waited or were refused.", func(d *Destination) int64 { return d.BlockedSends }},
}

// destinationText writes the metrics of destinations, family by family.
func destinationText(out *bufio.Writer, all []Destination) error {
	if len(all) == 0 {
		return nil
	}
	labels := make([]string, len(all))
	for i := range all {
		labels[i] = `{kind="` + kindLabels[all[i].Kind] + `",destination="` + escapeLabel(all[i].Name) + `"} `
	}
	var line []byte
	for i := range destinationMetrics {
		m := &destinationMetrics[i]
		full := name("destination_" + m.name)
		head := "# HELP " + full + " " + m.help + "\n# TYPE " + full + " " + m.kind + "\n"
		if _, err := out.WriteString(head); err != nil {
			return err
		}
		for k := range all {
			line = append(append(line[:0], full...), labels[k]...)
			line = append(strconv.AppendInt(line, m.value(&all[k]), 10), '\n')
			if _, err := out.Write(line); err != nil {
				return err
			}
		}
	}
	return nil
}

var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// escapeLabel also makes a name valid UTF-8, as the format wants.
func escapeLabel(text string) string {
	return labelEscaper.Replace(valid(text))
}
