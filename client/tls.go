package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// tlsConfig is the caller's configuration with the URL's files added.
func (o *Options) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	if o.trustStore != "" {
		pem, err := os.ReadFile(o.trustStore)
		if err != nil {
			return nil, fmt.Errorf("jms.trustStore: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("jms.trustStore %s: no certificate in PEM", o.trustStore)
		}
	}
	if o.keyStore != "" {
		pair, err := tls.LoadX509KeyPair(o.keyStore, o.keyStore)
		if err != nil {
			return nil, fmt.Errorf("jms.keyStore %s: %w", o.keyStore, err)
		}
		config.Certificates = append(config.Certificates, pair)
	}
	return config, nil
}

// secure runs the handshake of one broker's connection.
func (e *endpoint) secure(ctx context.Context, nc net.Conn, base *tls.Config) (net.Conn, error) {
	config := base.Clone()
	host, _, err := net.SplitHostPort(e.address)
	if err != nil {
		return nil, err
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	if err := e.wire.limit(config); err != nil {
		return nil, err
	}
	if e.wire.noVerify && !config.InsecureSkipVerify {
		verifyIssuerOnly(config)
	}
	secure := tls.Client(nc, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secure, nil
}

// verifyIssuerOnly has the certificate's issuer checked and not the host's
// name. (ActiveMQ: verifyHostName=false)
func verifyIssuerOnly(config *tls.Config) {
	roots := config.RootCAs
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("tls: the broker shows no certificate")
		}
		between := x509.NewCertPool()
		for _, c := range state.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
		return err
	}
}

// tlsVersions are Java's names of protocols.
var tlsVersions = map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}

// limit applies enabledProtocols and enabledCipherSuites.
func (o *tlsOptions) limit(config *tls.Config) error {
	if o.protocols != "" {
		least, most := uint16(0), uint16(0)
		for name := range strings.SplitSeq(o.protocols, ",") {
			v, ok := tlsVersions[strings.TrimSpace(name)]
			if !ok {
				return fmt.Errorf("%w: enabledProtocols: %q: %w: TLSv1.2 and TLSv1.3 are", ErrURL, name, ErrUnsupportedOption)
			}
			if least == 0 || v < least {
				least = v
			}
			most = max(most, v)
		}
		config.MinVersion, config.MaxVersion = least, most
	}
	if o.cipherSuites == "" {
		return nil
	}
	known := map[string]uint16{}
	for _, s := range tls.CipherSuites() {
		known[s.Name] = s.ID
	}
	for name := range strings.SplitSeq(o.cipherSuites, ",") {
		id, ok := known[strings.TrimSpace(name)]
		if !ok {
			return fmt.Errorf("%w: enabledCipherSuites: %q: %w", ErrURL, name, ErrUnsupportedOption)
		}
		config.CipherSuites = append(config.CipherSuites, id)
	}
	return nil
}
