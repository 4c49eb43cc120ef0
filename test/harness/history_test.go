package harness

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// told is a history in which everything went well: three sends, a transaction
// of two, one passed on.
func told() (*History, *Unit) {
	h := NewHistory()
	for range 3 {
		item, _ := h.Send("p", nil, 10)
		h.Ends(item, Confirmed)
	}
	u := h.Begin()
	h.Send("t", u, 10)
	h.Send("t", u, 10)
	h.End(u, Confirmed)
	for _, item := range []Item{{"p", 0}, {"p", 1}, {"t", 0}, {"t", 1}} {
		_, _ = h.Received("c", item.String(), false, nil)
	}
	pass := h.Begin()
	item, _ := h.Received("x", Item{"p", 2}.String(), false, pass)
	_, body := h.Pass("x", pass, item)
	h.End(pass, Confirmed)
	_, _ = h.Received("c", body, false, nil)
	return h, u
}

func TestHistoryWithoutFault(t *testing.T) {
	h, _ := told()
	require.Empty(t, h.Verify(0))
	require.Equal(t, Account{Sent: 6, Confirmed: 6, Received: 6}, h.Account())
}

// Each promise that a history can show to be broken is shown.
func TestHistoryShowsEveryFault(t *testing.T) {
	receive := func(h *History, item Item, flagged bool) { _, _ = h.Received("c", item.String(), flagged, nil) }
	for _, row := range []struct {
		name, promise, says string
		spoil               func(h *History, u *Unit)
	}{
		{"old master answers", "P1", "a confirmed a request", func(h *History, _ *Unit) {
			h.Answered("a", time.Now(), false)
			h.Answered("b", time.Now(), false)
			h.Answered("a", time.Now(), false)
		}},
		{"old master delivers", "P1", "a delivered", func(h *History, _ *Unit) {
			h.Answered("a", time.Now(), false)
			h.Answered("b", time.Now(), false)
			h.Answered("a", time.Now(), true)
		}},
		{"lost", "P2", "1 confirmed messages are lost, such as ledger p 3;", func(h *History, _ *Unit) {
			item, _ := h.Send("p", nil, 0)
			h.Ends(item, Confirmed)
		}},
		{"again", "P3", "came again, unflagged", func(h *History, _ *Unit) { receive(h, Item{"p", 1}, false) }},
		{"again though settled", "P3", "after its consumption was confirmed", func(h *History, _ *Unit) { receive(h, Item{"p", 2}, true) }},
		{"from nowhere", "P4", "never sent", func(h *History, _ *Unit) { receive(h, Item{"p", 3}, false) }},
		{"undone", "P4", "rolled back or refused", func(h *History, u *Unit) { h.End(u, Undone) }},
		{"out of order", "P5", "came to c after 4", func(h *History, _ *Unit) {
			h.Send("p", nil, 0)
			h.Send("p", nil, 0)
			receive(h, Item{"p", 4}, false)
			receive(h, Item{"p", 3}, false)
		}},
		{"half a transaction", "P6", "1 of 2 messages", func(h *History, _ *Unit) {
			u := h.Begin()
			h.Send("u", u, 0)
			h.Send("u", u, 0)
			receive(h, Item{"u", 1}, false)
		}},
		{"passed on twice", "P6", "passed on 2 times", func(h *History, _ *Unit) {
			u := h.Begin()
			again, _ := h.Pass("x", u, Item{"p", 2})
			receive(h, again, false)
		}},
		{"not passed on", "P6", "not passed on", func(h *History, _ *Unit) {
			item, _ := h.Send("p", nil, 0)
			receive(h, item, false)
			h.Pass("x", h.Begin(), item)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			h, u := told()
			row.spoil(h, u)
			wrong := h.Verify(0)
			require.NotEmpty(t, wrong)
			require.Equal(t, row.promise, wrong[0].Promise)
			require.Contains(t, wrong[0].Error(), row.says)
		})
	}
}
