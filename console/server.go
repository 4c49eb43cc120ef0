package console

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/console/jolokia"
	"github.com/conclavemq/conclave/internal/hostport"
)

// Options says what to serve, and where. Node and Host are needed.
type Options struct {
	Node Node
	Host string
	Port int // 0: any
	// Users may ask; without any, Host must be a loopback address.
	Users []User
	// Retry is how long to wait for a port that is taken; 0 is 5 s.
	Retry time.Duration
	Log   *slog.Logger // nil: slog.Default()
}

// Server is the console of one process.
type Server struct {
	options Options
	log     *slog.Logger
	http    *http.Server
	metrics *metrics
	busy    chan struct{} // a place for each request that may be costly

	address atomic.Pointer[string] // once it listens
	cancel  context.CancelFunc
	work    sync.WaitGroup // the listening goroutine
}

// Bounds of one connection and of all.
const (
	headerTime = 5 * time.Second
	readTime   = 10 * time.Second
	writeTime  = 60 * time.Second
	idleTime   = 2 * time.Minute
	maxHeader  = 16 << 10
	maxCostly  = 4 // requests that look at the whole broker at a time
)

// maxSockets bounds the connections, so that a monitoring that has run wild
// takes no descriptors that clients need.
const maxSockets = 64

// Start begins to serve. A port that is taken does not keep a broker from its
// work: it is said, and tried again until it is free or Close is called.
func Start(o Options) (*Server, error) {
	if err := hostport.Check(o.Host); err != nil {
		return nil, fmt.Errorf("console on %w", err)
	}
	if len(o.Users) == 0 && !isLoopback(o.Host) {
		return nil, fmt.Errorf("console on %s needs users: without any it listens on a loopback address alone", o.Host)
	}
	if o.Retry == 0 {
		o.Retry = 5 * time.Second
	}
	s := &Server{options: o, log: o.Log, busy: make(chan struct{}, maxCostly)}
	if s.log == nil {
		s.log = slog.Default()
	}
	access, err := newAccess(o.Users)
	if err != nil {
		return nil, err
	}
	s.metrics = newMetrics(o.Node)
	agent := &jolokia.Handler{
		Prefix: "/api/jolokia", Beans: func() jolokia.Beans { return newBeans(o.Node) },
		Product: "activemq", Version: brokerVersion,
	}
	s.http = &http.Server{
		Handler:           s.route(access.protect(s.bounded(s.metrics)), access.protect(s.bounded(agent))),
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	l, err := s.listen(ctx)
	if err != nil {
		s.log.Error("the console cannot listen; the broker goes on without it and tries again", "error", err)
	}
	s.work.Go(func() { s.serve(ctx, l) })
	return s, nil
}

// route does not use http.ServeMux, which takes slashes out of paths that
// belong to names.
func (s *Server) route(metrics, agent http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/health" || strings.HasPrefix(path, "/health/"):
			s.health(w, r)
		case path == "/metrics":
			metrics.ServeHTTP(w, r)
		case path == "/api/jolokia" || strings.HasPrefix(path, "/api/jolokia/"):
			agent.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	})
}

// bounded lets only a few requests in at a time; others wait.
func (s *Server) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.busy <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		defer func() { <-s.busy }()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", net.JoinHostPort(s.options.Host, strconv.Itoa(s.options.Port)))
	if err != nil {
		return nil, err
	}
	url := "http://" + hostport.Escape(l.Addr().String())
	s.address.Store(&url)
	s.log.Info("the console listens", "url", url)
	return newLimited(l, maxSockets), nil
}

// serve serves, once there is a listener.
func (s *Server) serve(ctx context.Context, l net.Listener) {
	for l == nil {
		select {
		case <-time.After(s.options.Retry):
		case <-ctx.Done():
			return
		}
		var err error
		if l, err = s.listen(ctx); err != nil {
			s.log.Debug("the console cannot listen", "error", err)
		}
	}
	if err := s.http.Serve(l); ctx.Err() == nil {
		s.log.Error("the console has ended", "error", err)
	}
}

// URL is where it listens, "" if it does not yet.
func (s *Server) URL() string {
	if url := s.address.Load(); url != nil {
		return *url
	}
	return ""
}

// Close ends all connections and waits for the goroutines.
func (s *Server) Close() error {
	s.cancel()
	err := s.http.Close()
	s.work.Wait()
	return err
}
