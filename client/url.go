package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/conclavemq/conclave/internal/hostport"
)

// endpoint is one broker's address with its own options.
type endpoint struct {
	address string // host:port
	wire    wireOptions
}

func (e endpoint) String() string {
	if e.wire.secure {
		return "ssl://" + hostport.Escape(e.address)
	}
	return "tcp://" + hostport.Escape(e.address)
}

// target is a parsed broker URL.
type target struct {
	endpoints []endpoint
	failover  *failoverOptions // nil: one endpoint, no reconnect
	options   Options          // the caller's, with the URL's jms.* applied
	source    AddressSource    // nil: the endpoints are all
	nested    []param          // options of every broker's URI
	priority  []endpoint       // of priorityURIs
	tls       *tls.Config      // of ssl: endpoints
}

// parseURL reads "tcp://host:port?…", "failover:(uri,uri)?…" and the other
// forms of doc.go. An option that is not known is an error, never ignored.
func parseURL(text string, opts Options) (*target, error) {
	t := &target{options: opts}
	scheme, rest, err := splitScheme(text)
	if err != nil {
		return nil, err
	}
	switch scheme {
	case "failover":
		err = t.parseFailover(scheme, rest, defaultFailover())
	case "masterslave":
		fo := defaultFailover()
		fo.randomize = false
		err = t.parseFailover(scheme, rest, fo)
	case "static", "simple":
		err = t.parseFailover(scheme, rest, staticFailover())
	case "discovery":
		err = t.parseDiscovery(rest)
	case "multicast":
		fo := defaultFailover()
		t.failover = &fo
		err = t.discoverBy(strings.TrimSpace(text))
	default:
		var end endpoint
		end, err = t.parseEndpoint(text, strict)
		t.endpoints = []endpoint{end}
	}
	if err == nil {
		t.tls, err = t.options.tlsConfig()
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// staticFailover has the defaults of ActiveMQ's SimpleDiscoveryAgent.
func staticFailover() failoverOptions {
	fo := defaultFailover()
	fo.initialReconnectDelay = time.Second
	return fo
}

func (t *target) parseFailover(scheme, rest string, fo failoverOptions) error {
	c, err := parseComposite(scheme, rest)
	if err != nil {
		return err
	}
	t.failover = &fo
	if err := t.failoverParams(c.params, "nested."); err != nil {
		return err
	}
	if scheme == "static" || scheme == "simple" {
		if fo.maxAttempts == 0 { // ActiveMQ: SimpleDiscoveryAgent's 0 is without end
			fo.maxAttempts = -1
		}
	}
	for _, uri := range c.components {
		end, err := t.parseEndpoint(uri, strict)
		if err != nil {
			return err
		}
		t.endpoints = append(t.endpoints, end)
	}
	switch {
	case len(t.endpoints) == 0:
		return fmt.Errorf("%w: no broker in %q", ErrURL, scheme+":"+rest)
	case scheme == "masterslave" && len(t.endpoints) < 2:
		return fmt.Errorf("%w: masterslave: needs at least two brokers", ErrURL)
	}
	return t.parsePriorities()
}

// failoverParams applies the options after the parentheses; those that begin
// with inner are for every broker's URI.
func (t *target) failoverParams(params []param, inner string) error {
	for _, p := range params {
		var err error
		if name, ok := strings.CutPrefix(p.name, inner); ok {
			t.nested = append(t.nested, param{name, p.value})
		} else if strings.HasPrefix(p.name, "jms.") {
			err = set(jmsSetters, &t.options, p.name, p.value)
		} else {
			err = set(failoverSetters, t.failover, p.name, p.value)
		}
		if err != nil {
			return inURL(err)
		}
	}
	return nil
}

func (t *target) parsePriorities() error {
	for uri := range strings.SplitSeq(t.failover.priorityURIs, ",") {
		if uri = strings.TrimSpace(uri); uri == "" {
			continue
		}
		end, err := t.parseEndpoint(uri, strict)
		if err != nil {
			return fmt.Errorf("priorityURIs: %w", err)
		}
		t.priority = append(t.priority, end)
	}
	return nil
}

// parseDiscovery reads "discovery:(agent)?…". The agents static, simple and
// masterslave are lists; of others Options.Discover makes a source.
func (t *target) parseDiscovery(rest string) error {
	c, err := parseComposite("discovery", rest)
	if err != nil {
		return err
	}
	if len(c.components) != 1 {
		return fmt.Errorf("%w: discovery: takes one agent in parentheses, not %d", ErrURL, len(c.components))
	}
	fo := defaultFailover()
	t.failover = &fo
	if err := t.failoverParams(c.params, "discovered."); err != nil {
		return err
	}
	scheme, list, err := splitScheme(c.components[0])
	if err != nil {
		return err
	}
	switch scheme {
	case "static", "simple", "masterslave":
		agent, err := parseComposite(scheme, list)
		if err != nil {
			return err
		}
		if len(agent.params) > 0 {
			return fmt.Errorf("%w: option %s of %s: within discovery: %w: the options stand behind discovery:(…)",
				ErrURL, agent.params[0].name, scheme, ErrUnsupportedOption)
		}
		return t.parseFailover(scheme, list, fo)
	}
	if err := t.parsePriorities(); err != nil {
		return err
	}
	return t.discoverBy(c.components[0])
}

func (t *target) discoverBy(uri string) error {
	if t.options.Discover == nil {
		scheme, _, _ := splitScheme(uri)
		return unsupportedScheme(scheme, uri)
	}
	var err error
	if t.source, err = t.options.Discover(uri); err != nil {
		return fmt.Errorf("discovery by %s: %w", uri, err)
	}
	return nil
}

// leniency says what becomes of options that are not known.
type leniency bool

const (
	strict leniency = false
	// lenient drops them: a broker's own connector URI has some that are not
	// for clients.
	lenient leniency = true
)

// parseEndpoint reads the URI of one broker. The nested options go before its
// own, as in ActiveMQ.
func (t *target) parseEndpoint(text string, tolerate leniency) (endpoint, error) {
	end := endpoint{wire: defaultWire()}
	if scheme, _, err := splitScheme(text); err != nil {
		return end, err
	} else if _, ok := brokerSchemes[scheme]; !ok {
		return end, unsupportedScheme(scheme, text)
	}
	one, err := parseSingle(text)
	if err != nil {
		return end, err
	}
	end.address, end.wire.secure = one.address, brokerSchemes[one.scheme]
	for _, p := range slices.Concat(one.params, t.nested) {
		if strings.HasPrefix(p.name, "jms.") && tolerate == strict {
			err = set(jmsSetters, &t.options, p.name, p.value)
		} else {
			name := strings.TrimPrefix(strings.TrimPrefix(p.name, "socket."), "transport.")
			err = set(wireSetters, &end.wire, name, p.value)
		}
		if err != nil && !(bool(tolerate) && errors.Is(err, ErrUnsupportedOption)) {
			return end, inURL(err)
		}
	}
	return end, end.wire.limit(&tls.Config{})
}

// parseTold reads the list of brokers' URIs that a broker or a document gives.
// What cannot be read is left out and told.
func (t *target) parseTold(list string, complain func(uri string, err error)) []endpoint {
	if len(list) > maxURL {
		complain(list[:64]+"…", fmt.Errorf("%w: longer than %d bytes", ErrURL, maxURL))
		return nil
	}
	var ends []endpoint
	for uri := range strings.SplitSeq(list, ",") {
		if uri = strings.TrimSpace(uri); uri == "" {
			continue
		}
		end, err := t.parseEndpoint(uri, lenient)
		if err != nil {
			complain(uri, err)
		} else if len(ends) < maxComponents {
			ends = append(ends, end)
		}
	}
	return ends
}
