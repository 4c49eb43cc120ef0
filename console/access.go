package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// User may use what needs authentication.
type User struct {
	Name string
	// Password is as it is typed, or a bcrypt hash of it ("$2a$…", "$2b$…",
	// "$2y$…").
	Password string
}

// isHash reports whether a password is given as a bcrypt hash.
func isHash(password string) bool { return strings.HasPrefix(password, "$2") }

// access decides who may ask.
type access struct {
	users map[string]string // fixed
	key   []byte            // fixed; of known
	// hashing is held while a hash is computed, which takes a while: guesses
	// take one core at most.
	hashing sync.Mutex

	mu    sync.Mutex
	known map[string][]byte // mu; a keyed digest of the last password that was right, by user
}

func newAccess(users []User) (*access, error) {
	a := &access{users: map[string]string{}, key: make([]byte, 32), known: map[string][]byte{}}
	for _, u := range users {
		a.users[u.Name] = u.Password
	}
	_, err := rand.Read(a.key)
	return a, err
}

// protect asks for a password, or, where there are no users, for a name of the
// loopback interface.
func (a *access) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(a.users) == 0 {
			if !isLoopback(r.Host) {
				http.Error(w, "without users this is only reached by a loopback address or localhost", http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		name, password, ok := r.BasicAuth()
		if !ok || !a.allows(name, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="ActiveMQRealm", charset="UTF-8"`)
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *access) allows(name, password string) bool {
	right, ok := a.users[name]
	if !ok {
		return false
	}
	if !isHash(right) {
		return subtle.ConstantTimeCompare(a.digest(password), a.digest(right)) == 1
	}
	digest := a.digest(password)
	a.mu.Lock()
	known := a.known[name]
	a.mu.Unlock()
	if known != nil && hmac.Equal(known, digest) {
		return true
	}
	a.hashing.Lock()
	err := bcrypt.CompareHashAndPassword([]byte(right), []byte(password))
	a.hashing.Unlock()
	if err != nil {
		return false
	}
	a.mu.Lock()
	a.known[name] = digest
	a.mu.Unlock()
	return true
}

func (a *access) digest(password string) []byte {
	h := hmac.New(sha256.New, a.key)
	h.Write([]byte(password))
	return h.Sum(nil)
}

// isLoopback reports whether a host, with or without a port, is this machine by
// a name that no DNS gives to another.
func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && address.Unmap().IsLoopback()
}
