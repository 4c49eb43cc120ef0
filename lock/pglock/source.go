package pglock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"
)

// ErrSource reports a dataSource that cannot be understood. It does not repeat
// it, since it may hold a password.
var ErrSource = errors.New("dataSource is not usable")

// connectTime bounds the attempt to connect to one host, unless the
// dataSource has a connect_timeout.
const connectTime = 5 * time.Second

// Source is how a database is reached. It prints without secrets.
type Source struct{ config *pgx.ConnConfig }

// ParseSource reads a postgres:// URL or a list of keywords, as pgx and libpq
// do: several hosts, target_session_attrs, TLS, passwords and service files,
// PG… environment variables. Where nothing is said only a server that can
// write will do.
func ParseSource(source string) (*Source, error) {
	trimmed := strings.TrimSpace(source)
	switch {
	case trimmed == "":
		return nil, fmt.Errorf("%w: it is empty; write postgres://user@host:5432/database", ErrSource)
	case strings.HasPrefix(trimmed, "#"):
		return nil, fmt.Errorf("%w: %s names a Java bean; write the database's address, postgres://user@host:5432/database", ErrSource, trimmed)
	case strings.HasPrefix(trimmed, "jdbc:"):
		return nil, fmt.Errorf("%w: it is an address for Java; leave jdbc: away and write postgres://user@host:5432/database", ErrSource)
	case strings.Contains(trimmed, "://") && !strings.HasPrefix(trimmed, "postgres://") && !strings.HasPrefix(trimmed, "postgresql://"):
		scheme, _, _ := strings.Cut(trimmed, "://")
		return nil, fmt.Errorf("%w: %q is not a kind of database that can be used; it begins with postgres://", ErrSource, scheme)
	}
	config, err := pgx.ParseConfig(trimmed)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrSource, reason(err))
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTime
	}
	if config.ValidateConnect == nil {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	plain(&config.Config)
	config.DialFunc = dial
	// A pooler cannot keep named statements.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return &Source{config}, nil
}

// plain has a session's texts in the forms that pgx reads, whatever the role, the
// database or the source say. Java's driver sends the same two, so that every
// pooler knows them.
func plain(config *pgconn.Config) {
	for name := range config.RuntimeParams {
		if strings.EqualFold(name, "datestyle") || strings.EqualFold(name, "client_encoding") {
			delete(config.RuntimeParams, name)
		}
	}
	config.RuntimeParams["DateStyle"], config.RuntimeParams["client_encoding"] = "ISO", "UTF8"
}

// impatientTime is what a host has that a master wants to be back with.
const impatientTime = 2 * time.Second

// impatient goes on sooner to the next host, where there are several.
func (s *Source) impatient() *Source {
	config := s.config.Copy()
	config.ConnectTimeout = min(config.ConnectTimeout, impatientTime)
	return &Source{config}
}

// reason is what pgx says is wrong, without the source that it repeats.
func reason(err error) string {
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return "it is no well-formed URL; write special characters of the password as %XX"
	}
	if _, after, ok := strings.Cut(err.Error(), "`: "); ok {
		return after
	}
	return err.Error()
}

// Bounds after which this side gives up a connection whose other end is
// silent, or does not take what is sent.
const (
	dialIdle     = 3 * time.Second
	dialInterval = time.Second
	dialProbes   = 3
	userTimeout  = 6 * time.Second
)

// dial connects so that a server's host which vanishes is noticed soon.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: dialIdle, Interval: dialInterval, Count: dialProbes},
		Control: func(network, _ string, raw syscall.RawConn) error {
			if !strings.HasPrefix(network, "tcp") {
				return nil
			}
			var errSet error
			err := raw.Control(func(fd uintptr) {
				errSet = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
			})
			return errors.Join(err, errSet)
		},
	}
	return d.DialContext(ctx, network, address)
}

// String names the database without secrets, the same for the same source:
// postgres://user@host:5432/database, with every host that it has.
func (s *Source) String() string {
	config := s.config
	hosts := []string{address(config.Host, config.Port)}
	for _, f := range config.Fallbacks { // with and without TLS, the same one twice
		if at := address(f.Host, f.Port); at != hosts[len(hosts)-1] {
			hosts = append(hosts, at)
		}
	}
	u := url.URL{Scheme: "postgres", User: url.User(config.User), Path: "/" + config.Database}
	before, after, _ := strings.Cut(u.String(), "@")
	return before + "@" + strings.Join(hosts, ",") + after
}

// Format keeps every verb from printing more than String.
func (s *Source) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

func address(host string, port uint16) string {
	if strings.HasPrefix(host, "/") {
		host = url.QueryEscape(host)
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
