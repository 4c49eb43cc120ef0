package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTLS(t *testing.T) {
	front := httptest.NewTLSServer(nil) // for its certificate of example.com
	front.Close()
	pair := front.TLS.Certificates[0]
	roots := x509.NewCertPool()
	roots.AddCert(front.Certificate())
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600))
	trusted := &tls.Config{RootCAs: roots}
	for name, tt := range map[string]struct {
		url     string
		config  *tls.Config
		refused string
		version uint16
	}{
		"trusted":               {url: "ssl://example.com", config: trusted, version: tls.VersionTLS13},
		"by the URL":            {url: "nio+ssl://example.com:1?jms.trustStore=" + file, version: tls.VersionTLS13},
		"an older protocol":     {url: "ssl://example.com?socket.enabledProtocols=TLSv1.2", config: trusted, version: tls.VersionTLS12},
		"a cipher suite":        {url: "ssl://example.com?enabledProtocols=TLSv1.2&enabledCipherSuites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", config: trusted, version: tls.VersionTLS12},
		"unknown":               {url: "ssl://example.com", refused: "unknown authority"},
		"another name":          {url: "ssl://broker", config: trusted, refused: "not broker"},
		"any name":              {url: "ssl://broker?verifyHostName=false", config: trusted, version: tls.VersionTLS13},
		"any name, not trusted": {url: "ssl://broker?verifyHostName=false", refused: "unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			version := make(chan uint16, 1)
			dial := func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				server := tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{pair}})
				p := newPeer(nil)
				p.nc = server
				all.Go(func() {
					if server.Handshake() == nil {
						version <- server.ConnectionState().Version
						p.run()
					}
					theirs.Close()
				})
				return ours, nil
			}
			conn, err := Dial(t.Context(), tt.url, Options{TLS: tt.config, DialContext: dial})
			if tt.refused != "" {
				require.ErrorContains(t, err, tt.refused)
				all.Wait()
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.version, <-version)
			session(t, conn, AutoAcknowledge)
			require.NoError(t, conn.Close(t.Context()))
			all.Wait()
		})
	}
}
