package load_test

import (
	"fmt"
	"testing"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/client/load"
	"github.com/conclavemq/conclave/message"
)

// What the client costs, against a broker without a disk in this process: the
// figures are those of both, and only good for comparing two clients.

func BenchmarkSend(b *testing.B) {
	url := serve(b)
	for _, scheme := range []string{"%s", "failover:(%s)"} {
		for name, batch := range map[string]int{"answered": 0, "transacted": 100} {
			b.Run(fmt.Sprintf("%s/%s", scheme[:len(scheme)-2], name), func(b *testing.B) {
				run(b, &load.Producers{
					Target:      load.Target{URL: fmt.Sprintf(scheme, url), Parallel: 1},
					Destination: message.NewTopic("BENCH"), Batch: batch, Message: load.Stamped(1, 1024),
				})
			})
		}
		b.Run(fmt.Sprintf("%s/unanswered", scheme[:len(scheme)-2]), func(b *testing.B) {
			run(b, &load.Producers{
				Target:      load.Target{URL: fmt.Sprintf(scheme, url), Parallel: 1},
				Destination: message.NewTopic("BENCH"), NoAnswer: true, Message: load.Stamped(1, 1024),
				Options: client.ProducerOptions{NonPersistent: true},
			})
		})
	}
}

func run(b *testing.B, p *load.Producers) {
	b.Helper()
	p.Count = int64(b.N)
	b.ReportAllocs()
	b.ResetTimer()
	if err := p.Run(b.Context(), load.NewMeter(1)); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkReceive(b *testing.B) {
	url := serve(b)
	for name, mode := range map[string]client.AckMode{"auto": client.AutoAcknowledge, "dups-ok": client.DupsOKAcknowledge,
		"transacted": client.Transacted} {
		b.Run(name, func(b *testing.B) {
			d := message.NewQueue("BENCH." + name)
			run(b, &load.Producers{Target: load.Target{URL: url, Parallel: 1}, Destination: d, NoAnswer: true,
				Message: load.Stamped(1, 64), Options: client.ProducerOptions{NonPersistent: true}})
			c := load.Consumers{Target: load.Target{URL: url, Parallel: 1}, Destination: d, Mode: mode, Batch: 100, Count: int64(b.N)}
			b.ReportAllocs()
			b.ResetTimer()
			if err := c.Run(b.Context(), load.NewMeter(1)); err != nil {
				b.Fatal(err)
			}
		})
	}
}
