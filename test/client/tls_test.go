//go:build interop

package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
)

// secured reaches the broker through a TLS front.
func secured(b *bench) {
	pair, file := certificate(b, "broker.example")
	address := front(b, strings.TrimPrefix(b.url, "tcp://"), pair)
	trust := "jms.trustStore=" + file
	_, err := client.Dial(b.ctx, "ssl://"+address, client.Options{})
	require.Error(b, err, "not trusted")
	_, err = client.Dial(b.ctx, "ssl://"+address+"?"+trust, client.Options{})
	require.ErrorContains(b, err, "certificate", "another name")
	conn := b.dial("failover:(ssl://"+address+"?socket.verifyHostName=false&enabledProtocols=TLSv1.3)?"+trust+"&jms.keyStore="+file, client.Options{})
	b.send(conn, b.queue(), "secret")
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	own := b.dial("nio+ssl://"+address, client.Options{TLS: &tls.Config{RootCAs: roots, ServerName: "broker.example"}})
	in := b.consumer(b.session(own, client.AutoAcknowledge), b.queue(), client.ConsumerOptions{})
	require.Equal(b, []string{"secret"}, b.texts(in, 1))
}

// certificate makes one that signs itself, and a file with it and its key.
func certificate(b *bench, name string) (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(b, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(b, err)
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	file := filepath.Join(b.TempDir(), "pair.pem")
	require.NoError(b, os.WriteFile(file, text, 0o600))
	pair, err := tls.LoadX509KeyPair(file, file)
	require.NoError(b, err)
	return pair, file
}

// front listens with TLS for a broker that does not.
func front(b *bench, broker string, pair tls.Certificate) string {
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	require.NoError(b, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			outer, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer outer.Close()
				inner, err := net.Dial("tcp", broker)
				if err != nil {
					return
				}
				all.Go(func() { defer inner.Close(); _, _ = io.Copy(inner, outer) })
				_, _ = io.Copy(outer, inner)
			})
		}
	})
	b.Cleanup(all.Wait)
	b.Cleanup(func() { l.Close() })
	return l.Addr().String()
}
