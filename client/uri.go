package client

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/conclavemq/conclave/internal/hostport"
)

// ErrURL reports a broker URL that is malformed.
var ErrURL = errors.New("broker url")

// Bounds of a broker URL.
const (
	maxURL        = 64 << 10 // bytes
	maxComponents = 1024
)

// param is an option of a URI, in the order of its writing.
type param struct{ name, value string }

// composite is a URI of ActiveMQ's form "scheme:(uri,uri)?options". Without
// parentheses the options are those of the last component. Spaces around
// components are allowed, and "//" after the scheme. (ActiveMQ:
// URISupport.parseComposite)
type composite struct {
	scheme     string
	components []string
	params     []param
}

// splitScheme cuts "scheme:" off.
func splitScheme(text string) (scheme, rest string, err error) {
	if len(text) > maxURL {
		return "", "", fmt.Errorf("%w: longer than %d bytes", ErrURL, maxURL)
	}
	scheme, rest, ok := strings.Cut(strings.TrimSpace(text), ":")
	if !ok || scheme == "" || strings.ContainsAny(scheme, "/()?,& ") {
		return "", "", fmt.Errorf("%w: no scheme in %q", ErrURL, text)
	}
	return strings.ToLower(scheme), rest, nil
}

// parseComposite reads what follows the scheme of a composite URI.
func parseComposite(scheme, rest string) (composite, error) {
	c := composite{scheme: scheme}
	rest = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(rest), "//"))
	list, query := rest, ""
	if strings.HasPrefix(rest, "(") {
		end, err := closing(rest)
		if err != nil {
			return c, err
		}
		tail := strings.TrimSpace(rest[end+1:])
		var ok bool
		if query, ok = strings.CutPrefix(tail, "?"); !ok && tail != "" {
			return c, fmt.Errorf("%w: %q after the closing parenthesis", ErrURL, tail)
		}
		list = rest[1:end]
	}
	var err error
	if c.components, err = splitComponents(list); err != nil {
		return c, err
	}
	c.params, err = parseQuery(query)
	return c, err
}

// closing finds the parenthesis that matches the first byte of text.
func closing(text string) (int, error) {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i, nil
			}
		}
	}
	return 0, fmt.Errorf("%w: no closing parenthesis in %q", ErrURL, text)
}

// splitComponents cuts a list at the commas outside parentheses.
func splitComponents(list string) ([]string, error) {
	var components []string
	add := func(one string) {
		if one = strings.TrimSpace(one); one != "" {
			components = append(components, one)
		}
	}
	depth, start := 0, 0
	for i := range len(list) {
		switch list[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return nil, fmt.Errorf("%w: a closing parenthesis too many in %q", ErrURL, list)
			}
		case ',':
			if depth == 0 {
				add(list[start:i])
				start = i + 1
			}
		}
	}
	if depth != 0 {
		return nil, fmt.Errorf("%w: no closing parenthesis in %q", ErrURL, list)
	}
	add(list[start:])
	if len(components) > maxComponents {
		return nil, fmt.Errorf("%w: %d brokers, more than %d", ErrURL, len(components), maxComponents)
	}
	return components, nil
}

// parseQuery reads "name=value&…".
func parseQuery(query string) ([]param, error) {
	var params []param
	for pair := range strings.SplitSeq(strings.TrimSpace(query), "&") {
		if pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(strings.TrimSpace(name))
		if err != nil {
			return nil, fmt.Errorf("%w: option %q: %w", ErrURL, pair, err)
		}
		if value, err = url.QueryUnescape(strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("%w: option %q: %w", ErrURL, name, err)
		}
		if !ok || name == "" {
			return nil, fmt.Errorf("%w: option %q has no value", ErrURL, pair)
		}
		params = append(params, param{name, value})
	}
	return params, nil
}

// single is a URI of one broker, "tcp://host:port?options".
type single struct {
	scheme  string
	address string // host:port
	params  []param
}

// defaultPorts are ActiveMQ's.
var defaultPorts = map[bool]string{false: "61616", true: "61617"} // by TLS

func parseSingle(text string) (single, error) {
	var s single
	text, query, _ := strings.Cut(strings.TrimSpace(text), "?")
	u, err := url.Parse(text)
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrURL, err)
	}
	s.scheme = u.Scheme
	secure, known := brokerSchemes[u.Scheme]
	if !known {
		return s, unsupportedScheme(u.Scheme, text)
	}
	if u.Opaque != "" || u.User != nil || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return s, fmt.Errorf("%w: %q is not scheme://host:port?options", ErrURL, text)
	}
	if s.address, err = address(u, defaultPorts[secure]); err != nil {
		return s, fmt.Errorf("%w: %q: %w", ErrURL, text, err)
	}
	s.params, err = parseQuery(query)
	return s, err
}

// address is host:port in the form of package net.
func address(u *url.URL, port string) (string, error) {
	host, err := hostport.Of(u)
	if err != nil {
		return "", err
	}
	if host == "" {
		return "", errors.New("no host")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	n, err := hostport.Port(port, 1)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.Itoa(n)), nil
}

// brokerSchemes are those of one broker; true means TLS. A connector that
// detects protocols or uses NIO speaks the same to its clients.
var brokerSchemes = map[string]bool{
	"tcp": false, "nio": false, "auto": false, "auto+nio": false,
	"ssl": true, "nio+ssl": true, "auto+ssl": true, "auto+nio+ssl": true,
}

// otherSchemes are ActiveMQ's that this client does not have.
var otherSchemes = map[string]string{
	"vm":        "there is no broker inside this process",
	"peer":      "there is no broker inside this process",
	"fanout":    "messages go to one broker",
	"http":      "OpenWire over HTTP is not spoken",
	"https":     "OpenWire over HTTP is not spoken",
	"ws":        "OpenWire over WebSockets is not spoken",
	"wss":       "OpenWire over WebSockets is not spoken",
	"udp":       "a connection needs a stream",
	"mock":      "it is for ActiveMQ's own tests",
	"stomp":     "this is a client of OpenWire",
	"mqtt":      "this is a client of OpenWire",
	"amqp":      "this is a client of OpenWire",
	"zeroconf":  "no discovery by DNS-SD",
	"multicast": "no source of addresses was given in Options.Discover",
}

func unsupportedScheme(scheme, text string) error {
	if why, ok := otherSchemes[scheme]; ok {
		return fmt.Errorf("%w: scheme %q in %q: %w: %s", ErrURL, scheme, text, ErrUnsupportedOption, why)
	}
	return fmt.Errorf("%w: scheme %q in %q: %w%s", ErrURL, scheme, text, ErrUnsupportedOption, nearest(scheme, allSchemes()))
}

func allSchemes() []string {
	names := []string{"failover", "masterslave", "static", "discovery"}
	for name := range brokerSchemes {
		names = append(names, name)
	}
	return names
}
