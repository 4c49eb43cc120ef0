package migrate

import (
	"context"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// cursor reads messages one by one, page by page.
type cursor struct {
	ctx    context.Context
	read   func(dst []store.Entry, after store.Seq) ([]store.Entry, error)
	page   []store.Entry
	next   int // in page
	after  store.Seq
	ended  bool
	passed func(n int) // is told of each page that has been gone through; may be nil
}

// messages reads a destination or, with a key, what a subscription has not
// acknowledged.
func (o *Options) messages(ctx context.Context, s store.Store, dest message.Destination, key string) *cursor {
	return &cursor{ctx: ctx, read: func(dst []store.Entry, after store.Seq) ([]store.Entry, error) {
		if key != "" {
			return s.PageSubscription(dst, dest, key, after, o.PageMessages, o.PageBytes)
		}
		return s.Page(dst, dest, after, o.PageMessages, o.PageBytes)
	}}
}

// take returns the next message, or nil at the end. It is good until take has
// gone on to the next page.
func (c *cursor) take() (*store.Entry, error) {
	for c.next == len(c.page) {
		if c.ended {
			return nil, nil
		}
		if err := c.ctx.Err(); err != nil {
			return nil, err
		}
		if c.passed != nil && len(c.page) > 0 {
			c.passed(len(c.page))
		}
		clear(c.page)
		page, err := c.read(c.page[:0], c.after)
		if err != nil {
			return nil, err
		}
		c.page, c.next = page, 0
		if len(page) == 0 {
			c.ended = true
			return nil, nil
		}
		c.after = page[len(page)-1].Seq
	}
	c.next++
	return &c.page[c.next-1], nil
}
