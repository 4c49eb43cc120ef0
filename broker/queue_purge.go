package broker

import (
	"context"

	"github.com/conclavemq/conclave/message"
)

// purgeChunk is how many removals one unit carries: a page.
const purgeChunk = scanPage

// Purge removes what waits in a queue and returns how many messages that
// were. What is in flight stays with its consumers. (ActiveMQ: Queue.purge)
// While one page is being removed the next is read.
func (b *Broker) Purge(ctx context.Context, dest message.Destination) (int, error) {
	q, ok := b.registry.find(dest).(*queue)
	if !ok {
		return 0, failure(ErrUnknownDestination, "The destination %s does not exist.", dest)
	}
	p := purge{b: b}
	for {
		refs, err := q.takeAll(ctx)
		if err != nil || len(refs) == 0 {
			return p.end(ctx, err)
		}
		for len(refs) > 0 {
			if err := p.settle(ctx); err != nil {
				q.putBack(refs)
				return p.removed, err
			}
			chunk := refs[:min(len(refs), purgeChunk)]
			refs = refs[len(chunk):]
			p.begin(chunk)
		}
	}
}

// purge is one call of Purge: one unit of removals is under way at a time.
type purge struct {
	b       *Broker
	removed int
	under   int        // removals under way
	outcome chan error // of them; nil if there are none
}

func (p *purge) begin(chunk []*ref) {
	outcome := make(chan error, 1)
	p.under, p.outcome = len(chunk), outcome
	p.b.consume(chunk, true, nil, func(err error) { outcome <- err })
}

// settle waits for what is under way.
func (p *purge) settle(ctx context.Context) error {
	if p.outcome == nil {
		return nil
	}
	select {
	case err := <-p.outcome:
		if p.outcome = nil; err == nil {
			p.removed += p.under
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end waits too, also after an error of what was to follow.
func (p *purge) end(ctx context.Context, err error) (int, error) {
	if last := p.settle(ctx); err == nil {
		err = last
	}
	return p.removed, err
}

// takeAll takes out what waits in memory, or, if nothing does, a page of what
// is in the store or the spool alone. It waits until no pager is at work: what
// one has in hand is in neither place.
func (q *queue) takeAll(ctx context.Context) (refs []*ref, err error) {
	if !q.holdPager(ctx) {
		return nil, ctx.Err()
	}
	defer q.letPager()
	if fetch := q.fetch; len(fetch) > 0 {
		q.fetch = nil
		q.mu.Unlock()
		q.restore(fetch)
		q.mu.Lock()
	}
	for r := q.window.head; r != nil; r = q.window.head {
		q.window.remove(r)
		q.stats.inflight.Add(1)
		refs = append(refs, r)
	}
	for rank := range q.window.lanes() {
		l := q.window.lane(rank)
		for len(refs) == 0 && !q.removed && (len(l.passed) > 0 || l.behind) {
			if refs, err = q.takePage(rank, l); err != nil {
				return nil, err
			}
		}
		if len(refs) == 0 {
			if refs, err = q.takeSpooled(rank); err != nil {
				return nil, err
			}
		}
	}
	return refs, nil
}

// takePage takes a page of what the store alone has of a lane. Pagers are held;
// the queue is locked, and unlocked while the store is read.
func (q *queue) takePage(rank uint8, l *lane) (refs []*ref, err error) {
	after, seen, end := l.cursor, l.visible, l.cursor
	if len(l.passed) > 0 {
		after = l.passed[0].first - 1
	}
	q.mu.Unlock()
	entries, err := q.read(rank, after, scanPage, scanPageBytes)
	q.mu.Lock()
	if err != nil || q.removed {
		return nil, err
	}
	full := mayGoOn(entries)
	reached := end
	for i := range entries {
		e := &entries[i]
		if e.Seq > end && q.passesLocked(e.Seq) || e.Seq <= end && !l.passed.has(e.Seq) {
			continue
		}
		r := &ref{}
		q.fromStore(r, e, rank)
		q.usage.add(r.size())
		q.stats.inflight.Add(1)
		refs = append(refs, r)
	}
	if n := len(entries); n > 0 {
		reached = entries[n-1].Seq
	}
	if full {
		l.passed.replace(after, min(reached, end), nil, false)
	} else {
		l.passed.replace(after, end, nil, false)
	}
	if after == end || reached > end || !full {
		l.cursor = max(l.cursor, reached)
		l.pageEnds(len(entries), full, seen)
	}
	return refs, nil
}
