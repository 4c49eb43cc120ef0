package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/journal/inspect"
	"github.com/conclavemq/conclave/message"
)

// originalProperty is the property in which a message that is sent again has
// its old identifier; one that was taken from a damaged part has damagedProperty
// as well.
const (
	originalProperty = "conclaveOriginalMessageID"
	damagedProperty  = "conclaveDamaged"
)

// resendWindow is how many messages are sent ahead of the broker's answers.
const resendWindow = 200

// resender sends messages to a broker. Its goroutine is the caller's; answers
// come from the client's reader.
type resender struct {
	ctx      context.Context
	conn     *client.Conn
	session  *client.Session
	producer *client.Producer
	to       message.Destination // zero: the messages' own
	answers  chan error          // one for each message that is answered
	open     int                 // messages without an answer
	err      error
}

func newResender(ctx context.Context, f *extractFlags) (*resender, error) {
	r := &resender{ctx: ctx, answers: make(chan error, resendWindow)}
	if f.as != "" {
		r.to = message.ParseDestination(f.as, message.Queue)
	}
	var err error
	if r.conn, err = client.Dial(ctx, f.send, client.Options{UserName: f.user, Password: f.secret}); err != nil {
		return nil, fmt.Errorf("--send %s: %w", f.send, err)
	}
	if r.session, err = r.conn.Session(ctx, client.AutoAcknowledge); err == nil {
		r.producer, err = r.session.Producer(ctx, r.to, client.ProducerOptions{KeepHeaders: true})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--send %s: %w", f.send, err), r.conn.Close(ctx))
	}
	return r, nil
}

func (r *resender) put(m *message.Message, at inspect.Origin) error {
	for r.open >= resendWindow {
		r.wait()
	}
	if r.err != nil {
		return r.err
	}
	m = m.Copy()
	properties, err := message.ParseProperties(m.Properties)
	if err != nil {
		return fmt.Errorf("message %s: %w", m.ID, err)
	}
	properties = properties.Set(originalProperty, m.ID.String())
	if at.Damaged {
		properties = properties.Set(damagedProperty, true)
	}
	if err := client.SetProperties(m, properties); err != nil {
		return fmt.Errorf("message %s: %w", m.ID, err)
	}
	r.open++
	return r.producer.SendAsync(r.ctx, m, func(err error) { r.answers <- err })
}

// wait takes one answer, or the end of the context.
func (r *resender) wait() {
	select {
	case err := <-r.answers:
		r.open--
		r.err = errors.Join(r.err, err)
	case <-r.ctx.Done():
		r.open = 0
		r.err = errors.Join(r.err, r.ctx.Err())
	}
}

func (r *resender) close() error {
	for r.open > 0 {
		r.wait()
	}
	return errors.Join(r.err, r.conn.Close(r.ctx))
}
