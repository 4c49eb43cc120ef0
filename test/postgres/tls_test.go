//go:build postgres

package postgres

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness/postgres"
)

// certificate writes one for 127.0.0.1 that vouches for itself, with its key.
func certificate(t *testing.T, dir string) (file, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "database"}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(private)
	require.NoError(t, err)
	file, key = filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600))
	return file, key
}

// Over TLS everything is encrypted, the lock's session as well as the store's,
// and a server that is not the one meant is refused.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "tls") // t.TempDir is closed to the server's user
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	file, key := certificate(t, dir)
	if os.Geteuid() == 0 {
		require.NoError(t, exec.Command("chown", "postgres", key).Run())
	}
	server := newServer(t, postgres.Options{Settings: map[string]string{"ssl": "on", "ssl_cert_file": file, "ssl_key_file": key}})
	database := newDatabase(t, server, "")
	plain := server.URL(database)
	url := strings.Replace(plain, "sslmode=disable", "sslmode=verify-full&sslrootcert="+file, 1)
	a, b := newPair(t, url)
	put(t, a.URL(), "Q", "one")
	open, err := server.Query("", "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.datname = '"+database+"' AND NOT s.ssl")
	require.NoError(t, err)
	require.Equal(t, "0", open, "sessions without TLS")
	require.NoError(t, a.Kill())
	require.NoError(t, b.WaitServing(patience))
	require.Equal(t, []string{"one"}, take(t, b.URL(), "Q", 1))

	stranger, _ := certificate(t, t.TempDir())
	n := on(t, strings.Replace(plain, "sslmode=disable", "sslmode=verify-full&sslrootcert="+stranger, 1))
	require.NoError(t, n.Start())
	require.NoError(t, n.WaitLog(patience, "certificate"))
	require.False(t, n.Serving())
}
