package jolokia

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Bounds of a request.
const (
	maxBody     = 1 << 20
	maxNesting  = 32
	maxRequests = 10_000 // in bulk
)

// Handler answers requests. Beans is needed.
type Handler struct {
	// Prefix is the path of the agent, without a slash at its end.
	Prefix string
	// Beans is asked for each HTTP request what there is.
	Beans func() Beans
	// Product and Version are what "version" says of the server.
	Product, Version string
	Now              func() time.Time // nil: time.Now
}

// answerer answers the questions of one HTTP request.
type answerer struct {
	*Handler
	beans   Beans
	classes classes
	foreign string // the origin, if it may only read
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A page of another site can make a browser send a GET or a simple POST. What
	// comes without an origin is refused, as by ActiveMQ's strict checking.
	// ActiveMQ lets every origin that is given do everything; here another
	// site's may not change anything.
	origin := cmp.Or(r.Header.Get("Origin"), r.Header.Get("Referer"))
	if origin == "" {
		write(w, asError(Forbidden("Origin null is not allowed to call this agent")).object())
		return
	}
	a := &answerer{Handler: h, beans: h.Beans(), classes: classes{}}
	if !own(origin, r) {
		a.foreign = origin
	}
	switch r.Method {
	case http.MethodGet:
		q, err := parseGet(strings.TrimPrefix(r.URL.Path, h.Prefix), query(r))
		if err != nil {
			write(w, asError(err).object())
			return
		}
		write(w, a.answer(r.Context(), q))
	case http.MethodPost:
		write(w, a.post(r))
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "GET or POST", http.StatusMethodNotAllowed)
	}
}

// own reports an origin that is this agent itself, or this machine, as scripts
// have it; a browser gives the site that a page is from.
func own(origin string, r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return false
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	host := u.Hostname()
	if host == "" { // without a scheme, which no browser sends
		host = origin
	}
	here := r.Host
	if h, _, err := net.SplitHostPort(here); err == nil {
		here = h
	}
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(u.Host, r.Host) || strings.EqualFold(host, here) && u.Scheme == "" ||
		strings.EqualFold(host, "localhost") || err == nil && address.Unmap().IsLoopback()
}

func query(r *http.Request) parameters {
	p := parameters{}
	for name, values := range r.URL.Query() {
		p[name] = values[0]
	}
	return p
}

func (a *answerer) post(r *http.Request) any {
	given, err := decode(r.Body)
	if err != nil {
		return asError(err).object()
	}
	p := query(r)
	switch given := given.(type) {
	case map[string]any:
		q, err := parsePost(given, p)
		if err != nil {
			return asError(err).object()
		}
		return a.answer(r.Context(), q)
	case []any:
		return a.bulk(r.Context(), given, p)
	}
	return badRequest("Invalid JSON Request %v", given).object()
}

// bulk answers several; one that cannot be read makes all fail, as with the
// agent, so that nothing was done. Each is answered when the answers before it
// have been written: together they may be larger than the memory.
func (a *answerer) bulk(ctx context.Context, given []any, p parameters) any {
	if len(given) > maxRequests {
		return badRequest("More than %d requests at once", maxRequests).object()
	}
	questions := make([]*request, len(given))
	for i, one := range given {
		o, ok := one.(map[string]any)
		if !ok {
			return badRequest("Not a request within the list of requests %v. Expected map, but found: %v", given, one).object()
		}
		var err error
		if questions[i], err = parsePost(o, p); err != nil {
			return asError(err).object()
		}
	}
	return iter.Seq[any](func(yield func(any) bool) {
		for _, q := range questions {
			if !yield(a.answer(ctx, q)) {
				return
			}
		}
	})
}

func (a *answerer) answer(ctx context.Context, q *request) map[string]any {
	value, err := a.value(ctx, q)
	if err != nil {
		o := asError(err).object()
		o["request"] = q.object()
		return o
	}
	now := time.Now
	if a.Now != nil {
		now = a.Now
	}
	return map[string]any{"request": q.object(), "value": value, "timestamp": now().Unix(), "status": 200}
}

func (a *answerer) value(ctx context.Context, q *request) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch q.kind {
	case "read":
		return a.read(q)
	case "search":
		return a.search(q), nil
	case "list":
		return a.list(q)
	case "exec":
		return a.exec(ctx, q)
	case "write":
		return nil, a.write(q)
	}
	return map[string]any{
		"agent": "1.7.1", "protocol": "7.2",
		"config": map[string]any{"canonicalNaming": "true", "allowErrorDetails": "false", "agentContext": a.Prefix},
		"info":   map[string]any{"product": a.Product, "vendor": "Apache", "version": a.Version},
	}, nil
}

// decode reads JSON within bounds. Numbers stay as they were written.
func decode(body io.Reader) (any, error) {
	text, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the request: %w", err)
	case len(text) > maxBody:
		return nil, badRequest("Invalid JSON request: larger than %d bytes", maxBody)
	case nesting(text) > maxNesting:
		return nil, badRequest("Invalid JSON request: nested deeper than %d", maxNesting)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var given, more any
	if err := decoder.Decode(&given); err != nil {
		return nil, badRequest("Invalid JSON request %v", err)
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, badRequest("Invalid JSON request: more than one value")
	}
	return given, nil
}

// nesting is how deep JSON goes, at most.
func nesting(text []byte) (deepest int) {
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return deepest
}
