package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/conclavemq/conclave/openwire"
)

// obey does what a broker's ConnectionControl asks for. (ActiveMQ:
// FailoverTransport.handleConnectionControl)
func (c *Conn) obey(control *openwire.ConnectionControl) error {
	if fo := c.target.failover; fo != nil {
		if to := strings.TrimSpace(control.ReconnectTo); to != "" && fo.reconnectSupported {
			c.redirect(to)
		}
		if fo.updateURIs {
			c.update(control.ConnectedBrokers, control.Rebalance)
		}
	}
	if control.Close || control.Exit {
		return io.EOF
	}
	return nil
}

// redirect moves the connection to the broker that its broker names. ActiveMQ's
// client forgets all others by this; here they stay, for when that one goes.
func (c *Conn) redirect(uri string) {
	e, err := c.target.parseEndpoint(uri, lenient)
	if err != nil {
		c.log.Warn("the broker names another that cannot be used", "uri", uri, "error", err)
		return
	}
	c.addresses.want(e)
	signal(c.moves)
}

// update takes a list of brokers' URIs; rebalance moves the connection to the
// first of the new order if that is not the present one.
func (c *Conn) update(list string, rebalance bool) {
	told := c.target.parseTold(list, func(uri string, err error) {
		c.log.Warn("told of a broker that cannot be used", "uri", uri, "error", err)
	})
	if !c.addresses.update(told) {
		return
	}
	c.log.Debug("brokers have changed", "brokers", list, "rebalance", rebalance)
	c.standby.stir()
	signal(c.found)
	if rebalance {
		c.rebalance.Store(true)
		signal(c.moves)
	}
}

// maxDocument bounds what updateURIsURL may name. Bytes.
const maxDocument = maxURL

// readDocument takes the list that updateURIsURL names. (ActiveMQ:
// FailoverTransport.doUpdateURIsFromDisk)
func (c *Conn) readDocument(ctx context.Context) {
	where := c.target.failover.updateURIsURL
	if where == "" || !c.target.failover.updateURIs {
		return
	}
	list, err := fetch(ctx, where)
	if err != nil {
		c.log.Warn("cannot read updateURIsURL", "url", where, "error", err)
		return
	}
	c.update(list, c.target.failover.rebalanceURIs)
}

// fetch reads a file or URL; its lines are one list.
func fetch(ctx context.Context, where string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	body, err := open(ctx, where)
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxDocument+1))
	if err == nil && len(text) > maxDocument {
		err = fmt.Errorf("longer than %d bytes", maxDocument)
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(string(text)), err
}

const fetchTime = 10 * time.Second

func open(ctx context.Context, where string) (io.ReadCloser, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "":
		return os.Open(where)
	case "file":
		return os.Open(u.Path)
	case "http", "https":
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
		if err != nil {
			return nil, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, err
		}
		if response.StatusCode != http.StatusOK {
			response.Body.Close()
			return nil, fmt.Errorf("%s", response.Status)
		}
		return response.Body, nil
	}
	return nil, fmt.Errorf("scheme %q: %w", u.Scheme, ErrUnsupportedOption)
}

// discover runs the source of addresses until ctx ends.
func (c *Conn) discover(ctx context.Context) {
	inner := c.target.nested
	each := func(uri string, act func(endpoint)) {
		e, err := c.target.parseEndpoint(uri, lenient)
		if err != nil {
			c.log.Warn("found a broker that cannot be used", "uri", uri, "options", len(inner), "error", err)
			return
		}
		act(e)
	}
	found := func(uri string) {
		each(uri, func(e endpoint) {
			if c.addresses.add(e) {
				c.standby.stir()
				signal(c.found)
			}
		})
	}
	lost := func(uri string) { each(uri, c.addresses.remove) }
	if err := c.target.source.Watch(ctx, found, lost); err != nil && ctx.Err() == nil {
		c.log.Error("discovery has ended", "error", err)
	}
}
