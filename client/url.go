package client

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// endpoint is one broker's address with its own options.
type endpoint struct {
	address string // host:port
	wire    wireOptions
}

func (e endpoint) String() string { return "tcp://" + e.address }

// target is a parsed broker URL.
type target struct {
	endpoints []endpoint
	failover  *failoverOptions // nil: one endpoint, no reconnect
	options   Options          // the caller's, with the URL's jms.* applied
}

// defaultPort is ActiveMQ's.
const defaultPort = "61616"

// parseURL reads "tcp://host:port?…" and "failover:(uri,uri)?…". An option
// that is not known is an error, never ignored.
func parseURL(text string, opts Options) (*target, error) {
	text = strings.TrimSpace(text)
	t := &target{options: opts}
	if rest, ok := strings.CutPrefix(text, "failover:"); ok {
		return t, t.parseFailover(strings.TrimPrefix(rest, "//"))
	}
	end, err := t.parseEndpoint(text, nil)
	t.endpoints = []endpoint{end}
	return t, err
}

func (t *target) parseFailover(text string) error {
	list, query := text, ""
	if inner, ok := strings.CutPrefix(text, "("); ok {
		i := strings.LastIndexByte(inner, ')')
		if i < 0 {
			return fmt.Errorf("broker url: no closing parenthesis in %q", text)
		}
		list, query = inner[:i], strings.TrimPrefix(inner[i+1:], "?")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("broker url: %w", err)
	}
	fo := defaultFailover()
	t.failover = &fo
	nested := url.Values{}
	for name, v := range values {
		if inner, ok := strings.CutPrefix(name, "nested."); ok {
			nested[inner] = v
		} else if strings.HasPrefix(name, "jms.") {
			err = set(jmsSetters, &t.options, name, v[0])
		} else {
			err = set(failoverSetters, &fo, name, v[0])
		}
		if err != nil {
			return err
		}
	}
	for uri := range strings.SplitSeq(list, ",") {
		if uri = strings.TrimSpace(uri); uri == "" {
			continue
		}
		end, err := t.parseEndpoint(uri, nested)
		if err != nil {
			return err
		}
		t.endpoints = append(t.endpoints, end)
	}
	if len(t.endpoints) == 0 {
		return fmt.Errorf("broker url: no broker in %q", text)
	}
	return nil
}

func (t *target) parseEndpoint(text string, nested url.Values) (endpoint, error) {
	end := endpoint{wire: defaultWire()}
	u, err := url.Parse(text)
	if err != nil {
		return end, fmt.Errorf("broker url: %w", err)
	}
	if u.Scheme != "tcp" && u.Scheme != "nio" {
		return end, fmt.Errorf("broker url: scheme %q in %q: %w", u.Scheme, text, ErrUnsupportedOption)
	}
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	end.address = net.JoinHostPort(u.Hostname(), port)
	for _, values := range []url.Values{nested, u.Query()} {
		for name, v := range values {
			if strings.HasPrefix(name, "jms.") {
				err = set(jmsSetters, &t.options, name, v[0])
			} else {
				err = set(wireSetters, &end.wire, strings.TrimPrefix(name, "socket."), v[0])
			}
			if err != nil {
				return end, err
			}
		}
	}
	return end, nil
}

type setter[T any] func(*T, string) error

// set applies one option of a URL, or refuses it by name.
func set[T any](table map[string]setter[T], to *T, name, value string) error {
	apply, ok := table[name]
	if !ok {
		return fmt.Errorf("broker url: option %s: %w", name, ErrUnsupportedOption)
	}
	if err := apply(to, value); err != nil {
		return fmt.Errorf("broker url: option %s=%q: %w", name, value, err)
	}
	return nil
}

func boolean[T any](field func(*T) *bool) setter[T] {
	return func(to *T, v string) (err error) {
		*field(to), err = strconv.ParseBool(v)
		return err
	}
}

func text[T any](field func(*T) *string) setter[T] {
	return func(to *T, v string) error {
		*field(to) = v
		return nil
	}
}

func number[T any, N int | int32 | int64](bits int, field func(*T) *N) setter[T] {
	return func(to *T, v string) error {
		n, err := strconv.ParseInt(v, 10, bits)
		*field(to) = N(n)
		return err
	}
}

func milliseconds[T any](field func(*T) *time.Duration) setter[T] {
	return func(to *T, v string) error {
		n, err := strconv.ParseUint(v, 10, 32)
		*field(to) = time.Duration(n) * time.Millisecond
		return err
	}
}

// prefetch is a number of which 0 means none; see Prefetch.
func prefetch(fields ...func(*Prefetch) *int32) setter[Options] {
	return func(to *Options, v string) error {
		n, err := strconv.ParseInt(v, 10, 32)
		if n == 0 {
			n = -1
		}
		for _, field := range fields {
			*field(&to.Prefetch) = int32(n)
		}
		return err
	}
}
