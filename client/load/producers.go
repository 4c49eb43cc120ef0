package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
)

// Producers send the same kind of message from several sessions.
type Producers struct {
	Target
	Destination message.Destination
	Options     client.ProducerOptions
	Count       int64         // messages of each producer, 0: until ctx ends
	Batch       int           // messages a transaction, 0: no transactions
	Sleep       time.Duration // after each message
	// NoAnswer does not wait for the broker's answers to persistent messages,
	// except to the last of Count, before which all others have arrived.
	NoAnswer bool
	// Message makes a producer's message of a number; it may return the same
	// one again and again, since it is encoded before the next is asked for.
	Message func(producer int, number int64) (*message.Message, error)
	// Pace is called before every paceEvery-th message and may wait, so that
	// producers do not run away from consumers; may be nil.
	Pace func(ctx context.Context) error
	Say  func(text string) // told of what happens, may be nil
}

// Run sends until each producer has sent Count messages or ctx ends. Worker i
// of m is producer i; a latency is that of one send, or of one transaction.
func (p *Producers) Run(ctx context.Context, m *Meter) error {
	if p.Batch < 0 {
		return errBatch
	}
	return p.run(ctx, func(ctx context.Context, i int, conn *client.Conn) error {
		one := producer{Producers: p, meter: m, index: i, name: fmt.Sprintf("producer-%d", i+1)}
		return one.work(ctx, conn)
	})
}

const paceEvery = 32

// Ahead returns a Pace that waits while producers have sent more than limit
// messages that consumers have not received. copies is how often each message
// is received.
func Ahead(producers, consumers *Meter, copies, limit int64) func(context.Context) error {
	return func(ctx context.Context) error {
		for producers.Total()-consumers.Total()/copies > limit {
			if err := pause(ctx, paceStep); err != nil {
				return err
			}
		}
		return nil
	}
}

const paceStep = 200 * time.Microsecond

// producer is one of them.
type producer struct {
	*Producers
	meter  *Meter
	index  int
	name   string
	out    *client.Producer
	in     *client.Session
	commit int // transactions so far
}

func (p *producer) say(format string, args ...any) {
	if p.Say != nil {
		p.Say(p.name + " " + fmt.Sprintf(format, args...))
	}
}

func (p *producer) work(ctx context.Context, conn *client.Conn) error {
	mode := client.AutoAcknowledge
	if p.Batch > 0 {
		mode = client.Transacted
	}
	var err error
	if p.in, err = conn.Session(ctx, mode); err != nil {
		return err
	}
	if p.out, err = p.in.Producer(ctx, p.Destination, p.Producers.Options); err != nil {
		return err
	}
	p.say("Started to calculate elapsed time ...\n")
	start := time.Now()
	if err := p.sendAll(ctx); err != nil {
		return err
	}
	took := time.Since(start)
	p.say("Produced: %d messages", p.meter.Count(p.index))
	p.say("Elapsed time in second : %d s", int(took.Seconds()))
	p.say("Elapsed time in milli second : %d milli seconds", took.Milliseconds())
	return nil
}

func (p *producer) sendAll(ctx context.Context) error {
	begun := time.Now() // of the transaction
	for n := int64(0); p.Count == 0 || n < p.Count; n++ {
		if p.Pace != nil && n%paceEvery == 0 {
			if err := p.Pace(ctx); err != nil {
				return err
			}
		}
		if err := p.send(ctx, n); err != nil {
			return err
		}
		if p.Batch > 0 && ((n+1)%int64(p.Batch) == 0 || n+1 == p.Count) {
			if err := p.commitBatch(ctx, begun); err != nil {
				return err
			}
			begun = time.Now()
		}
		if err := pause(ctx, p.Sleep); err != nil {
			return err
		}
	}
	return nil
}

func (p *producer) send(ctx context.Context, n int64) error {
	msg, err := p.Message(p.index, n)
	if err != nil {
		return err
	}
	timed := p.Batch == 0 && p.meter.recording()
	var start time.Time
	if timed {
		start = time.Now()
	}
	if p.NoAnswer && (p.Count == 0 || n+1 < p.Count) {
		err = p.out.SendAsync(ctx, msg, nil)
	} else {
		err = p.out.Send(ctx, msg)
	}
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if timed {
		p.meter.observe(p.index, time.Since(start))
	}
	if p.Batch == 0 {
		p.meter.add(p.index)
	}
	return nil
}

func (p *producer) commitBatch(ctx context.Context, begun time.Time) error {
	p.say("Committing transaction: %d", p.commit)
	if err := p.in.Commit(ctx); err != nil {
		return err
	}
	p.commit++
	if p.meter.recording() {
		p.meter.observe(p.index, time.Since(begun))
	}
	n := int64(p.Batch)
	if p.Count > 0 {
		n = min(n, p.Count-p.meter.Count(p.index))
	}
	p.meter.workers[p.index].count.Add(n)
	return nil
}

// Stamped makes bytes messages of size bytes that begin with the time at which
// each was made, so that a consumer of this host can tell how long it took.
// Size is at least 8.
func Stamped(parallel, size int) func(int, int64) (*message.Message, error) {
	each := make([]*message.Message, parallel)
	for i := range each {
		body := make([]byte, max(size, stampSize))
		for j := range body {
			body[j] = '.'
		}
		each[i] = client.NewBytes(body)
	}
	return func(i int, _ int64) (*message.Message, error) {
		m := each[i]
		binary.BigEndian.PutUint64(m.Content, uint64(time.Now().UnixNano()))
		return m, nil
	}
}

const stampSize = 8

// age tells how long ago a stamped message was made.
func age(m *message.Message) (time.Duration, bool) {
	if m.Body != message.Bytes || m.Compressed || len(m.Content) < stampSize {
		return 0, false
	}
	return time.Since(time.Unix(0, int64(binary.BigEndian.Uint64(m.Content)))), true
}
