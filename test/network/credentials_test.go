//go:build network

package network

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// TestWrongCredentials: an ActiveMQ refuses a bridge's user. It is said once,
// and tried again with the pauses of the connector.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	far, near := newMember(t, harness.ActiveMQ, "far"), newMember(t, harness.Conclave, "near")
	far.XML = `<plugins><simpleAuthenticationPlugin><users>` +
		`<authenticationUser username="bridge" password="right" groups="all"/></users></simpleAuthenticationPlugin></plugins>`
	near.link("static:("+far.url()+")?initialReconnectDelay=50&maxReconnectDelay=400", `name="NC" userName="bridge" password="wrong"`)
	far.start(t)
	b := near.start(t)
	tries := int64(0)
	require.Eventually(t, func() bool {
		for _, s := range statusOf(t, b).Network {
			tries = s.Tries
			if !strings.Contains(s.LastError, "password") {
				return false
			}
		}
		return tries >= 8
	}, 30*time.Second, 50*time.Millisecond, "it is tried again")
	said := 0
	for line := range strings.Lines(b.Log()) {
		if strings.Contains(line, "network connection has ended") && strings.Contains(line, "password") {
			said++
		}
	}
	require.Equal(t, 1, said, "of %d tries: %s", tries, b.Log())
}
