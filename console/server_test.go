package console

import (
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// serve starts a server on a free port and returns its URL.
func serve(t *testing.T, node Node, users ...User) string {
	t.Helper()
	s, err := Start(Options{Node: node, Host: "127.0.0.1", Users: users, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s.URL()
}

// get asks and returns status and body. change may be nil.
func get(t *testing.T, url string, change func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	if change != nil {
		change(r)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

func TestHealth(t *testing.T) {
	starting := &fakeNode{status: Status{Role: "starting"}}
	for _, c := range []struct {
		node                 Node
		alive, ready, standy int
	}{{master(), 200, 200, 200}, {slave(), 200, 503, 200}, {starting, 200, 503, 503}} {
		url := serve(t, c.node)
		for path, want := range map[string]int{"/health": c.alive, "/health/live": c.alive, "/health/ready": c.ready, "/health/standby": c.standy, "/health/x": 404} {
			code, body := get(t, url+path, nil)
			require.Equal(t, want, code, path)
			if want == http.StatusNotFound {
				continue
			}
			var got Status
			require.NoError(t, json.Unmarshal([]byte(body), &got))
			require.Equal(t, c.node.Status().Role, got.Role)
			require.Equal(t, c.node.Status().Epoch, got.Epoch)
			require.Equal(t, c.node.Status().Holder, got.Holder)
		}
	}
}

func TestUsers(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("hashed"), bcrypt.MinCost)
	require.NoError(t, err)
	url := serve(t, master(), User{"admin", "plain"}, User{"other", string(hash)})
	for _, path := range []string{"/metrics", "/api/jolokia/version"} {
		code, _ := get(t, url+path, nil)
		require.Equal(t, http.StatusUnauthorized, code)
		for range 2 { // the second time what is known of the hash is used
			for user, want := range map[[2]string]int{
				{"admin", "plain"}: 200, {"admin", "hashed"}: 401, {"other", "hashed"}: 200, {"other", string(hash)}: 401, {"other", ""}: 401, {"nobody", ""}: 401,
			} {
				code, _ := get(t, url+path, func(r *http.Request) { r.SetBasicAuth(user[0], user[1]) })
				require.Equal(t, want, code, user)
			}
		}
	}
	code, _ := get(t, url+"/health", nil)
	require.Equal(t, http.StatusOK, code, "probes have no password")
}

// Without users a name that some DNS gives to this machine is not answered.
func TestLoopbackAlone(t *testing.T) {
	_, err := Start(Options{Node: master(), Host: "0.0.0.0"})
	require.ErrorContains(t, err, "needs users")
	url := serve(t, master())
	for host, want := range map[string]int{"localhost:1": 200, "127.0.0.1": 200, "[::1]:5": 200, "evil.example:8161": 403, "127.0.0.1.evil.example": 403} {
		code, _ := get(t, url+"/metrics", func(r *http.Request) { r.Host = host })
		require.Equal(t, want, code, host)
	}
}

// A port that is taken is taken over when it becomes free.
func TestTakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s, err := Start(Options{Node: slave(), Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Retry: time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer s.Close()
	require.Empty(t, s.URL())
	require.NoError(t, l.Close())
	require.Eventually(t, func() bool { return s.URL() != "" }, 5*time.Second, time.Millisecond)
	code, _ := get(t, s.URL()+"/health", nil)
	require.Equal(t, http.StatusOK, code)
}

// More connections than there are places wait; the places come back.
func TestConnectionsAreBounded(t *testing.T) {
	url := serve(t, master())
	var held []net.Conn
	for range maxSockets {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		require.NoError(t, err)
		held = append(held, c)
	}
	answer := make(chan int, 1)
	go func() {
		code, _ := get(t, url+"/health", nil)
		answer <- code
	}()
	select {
	case <-answer:
		t.Fatal("answered beyond the bound")
	case <-time.After(50 * time.Millisecond):
	}
	for _, c := range held {
		require.NoError(t, c.Close())
	}
	require.Equal(t, http.StatusOK, <-answer)
}

func TestHostsOfTheConsole(t *testing.T) {
	for _, host := range []string{"", "a:b", "[::1]", "localhost:1", "::1%a/b", "a b"} {
		_, err := Start(Options{Node: master(), Host: host, Log: slog.New(slog.DiscardHandler)})
		require.Error(t, err, "%q", host)
	}
}
