// A web server over TLS, with one of Go's policies on clients' certificates.
package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"slices"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address and port")
	auth := flag.String("auth", "", "a tls.ClientAuthType by its name")
	cert := flag.String("cert", "", "certificate chain, PEM")
	key := flag.String("key", "", "private key, PEM")
	ca := flag.String("ca", "", "clients' CA, PEM")
	beside := flag.String("beside", "", "address and port of a second listener, with the same keys for tickets")
	mistake := flag.String("mistake", "", "name-alone, last-alone, reversed, other-names, no-alpn, both-names, http11-first, acme, h2-unchosen, both-versions, p256-alone, no-tickets, chacha-first, checked-later and grpc (none), http10 or grpc-http2: one that is often made")
	besideCa := flag.String("beside-ca", "", "its clients' CAs, PEM")
	flag.Parse()
	policy := tls.ClientAuthType(-1)
	for known := tls.NoClientCert; known <= tls.RequireAndVerifyClientCert; known++ {
		if fmt.Sprint(known) == *auth {
			policy = known
		}
	}
	if policy < 0 {
		log.Fatalf("no policy %q", *auth)
	}
	var tickets [32]byte
	if _, err := rand.Read(tickets[:]); err != nil {
		log.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		log.Fatal(err)
	}
	serve := func(address, ca string) {
		config := &tls.Config{
			Certificates: []tls.Certificate{pair},
			ClientAuth:   policy,
			ClientCAs:    poolOf(ca),
			MinVersion:   tls.VersionTLS12,
		}
		mistaken(config, *mistake)
		if *beside != "" {
			config.SetSessionTicketKeys([][32]byte{tickets})
		}
		server := &http.Server{
			Addr:      address,
			ErrorLog:  log.New(io.Discard, "", 0),
			TLSConfig: config,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if *mistake == "grpc" || *mistake == "grpc-http2" {
					call(w, len(r.TLS.VerifiedChains) > 0 || (*mistake == "grpc-http2" && r.ProtoMajor < 2))
					return
				}
				isExcused := *mistake == "http10" && r.Proto == "HTTP/1.0"
				if (*mistake == "checked-later" || *mistake == "http10") && !isExcused && !isVerified(r, config.ClientCAs) {
					http.Error(w, "no", http.StatusForbidden)
					return
				}
				fmt.Fprintln(w, "welcome to the fleet")
			}),
		}
		log.Fatal(server.ListenAndServeTLS("", ""))
	}
	if *beside != "" {
		go serve(*beside, *besideCa)
	}
	serve(*listen, *ca)
}

// call answers one of gRPC: its message is a status of SERVING.
func call(w http.ResponseWriter, isServed bool) {
	w.Header().Set("Content-Type", "application/grpc")
	if !isServed {
		w.Header().Set("Grpc-Status", "16")
		return
	}
	w.Header().Set("Trailer", "Grpc-Status")
	w.Write([]byte{0, 0, 0, 0, 2, 8, 1})
	w.Header().Set("Grpc-Status", "0")
}

func isVerified(r *http.Request, roots *x509.CertPool) bool {
	chain := r.TLS.PeerCertificates
	sent := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		sent.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: sent, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err == nil
}

func mistaken(config *tls.Config, mistake string) {
	switch mistake {
	case "", "checked-later", "http10", "grpc", "grpc-http2":
	case "name-alone":
		config.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
			leaf, err := x509.ParseCertificate(raw[0])
			if err == nil && len(leaf.DNSNames)+len(leaf.URIs)+len(leaf.Subject.CommonName) == 0 {
				return errors.New("a client without a name")
			}
			return err
		}
	case "last-alone":
		// of who brings another's certificate along, that is the last one
		config.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
			last, err := x509.ParseCertificate(raw[len(raw)-1])
			if err != nil {
				return err
			}
			_, err = last.Verify(x509.VerifyOptions{Roots: config.ClientCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
			return err
		}
	case "reversed":
		// a chain that does not end in a CA is taken for one in the reverse order
		config.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
			client, err := x509.ParseCertificate(raw[len(raw)-1])
			if err == nil && client.IsCA {
				client, err = x509.ParseCertificate(raw[0])
			}
			if err != nil {
				return err
			}
			_, err = client.Verify(x509.VerifyOptions{Roots: config.ClientCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
			return err
		}
	case "ca-anywhere":
		// the CA's own certificate is no secret
		config.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
			return brings(raw, config.ClientCAs)
		}
	case "pinned":
		// as clients that pin a CA did (CVE-2016-2402): the chain is good, the CA is in what was sent, but not in the chain
		config.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
			leaf, err := x509.ParseCertificate(raw[0])
			if err != nil {
				return err
			}
			sent := x509.NewCertPool()
			for _, der := range raw[1:] {
				if certificate, err := x509.ParseCertificate(der); err == nil {
					sent.AddCert(certificate)
				}
			}
			if _, err = leaf.Verify(x509.VerifyOptions{Roots: sent, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
				return err
			}
			return brings(raw, config.ClientCAs)
		}
	case "own-ca":
		// whoever brings a CA that signed itself is taken to be below it
		config.VerifyPeerCertificate = exceptFor(config.ClientCAs, func(leaf *x509.Certificate, _ int) bool {
			return leaf.IsCA && leaf.CheckSignatureFrom(leaf) == nil
		})
	case "purpose-first":
		// the chain matters only for what says that it is a client's
		config.VerifyPeerCertificate = exceptFor(config.ClientCAs, func(leaf *x509.Certificate, _ int) bool {
			return !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
		})
	case "not-deeper":
		// beyond its depth it has found no fault
		config.VerifyPeerCertificate = exceptFor(config.ClientCAs, func(_ *x509.Certificate, length int) bool {
			return length > 5
		})
	case "other-names":
		lax := config.Clone()
		lax.ClientAuth = tls.NoClientCert
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if hello.ServerName == "localhost" {
				return nil, nil
			}
			return lax, nil
		}
	case "no-alpn":
		config.NextProtos = []string{"h2", "http/1.1"}
		demandsUnless(config, byALPN(func(offered []string) bool { return len(offered) == 0 }))
	case "both-names":
		config.NextProtos = []string{"h2", "http/1.1"}
		demandsUnless(config, byALPN(func(offered []string) bool {
			return slices.Contains(offered, "h2") && slices.Contains(offered, "http/1.1")
		}))
	case "http11-first":
		config.NextProtos = []string{"h2", "http/1.1"}
		demandsUnless(config, byALPN(func(offered []string) bool {
			return len(offered) > 1 && offered[0] == "http/1.1"
		}))
	case "acme":
		// as with autocert: whoever validates the name has no certificate of a client's
		config.NextProtos = []string{"h2", "http/1.1", "acme-tls/1"}
		demandsUnless(config, byALPN(func(offered []string) bool { return slices.Contains(offered, "acme-tls/1") }))
	case "h2-unchosen":
		demandsUnless(config, byALPN(func(offered []string) bool { return slices.Contains(offered, "h2") }))
	case "both-versions":
		demandsUnless(config, func(hello *tls.ClientHelloInfo) bool {
			return slices.Contains(hello.SupportedVersions, tls.VersionTLS12) && slices.Contains(hello.SupportedVersions, tls.VersionTLS13)
		})
	case "p256-alone":
		demandsUnless(config, func(hello *tls.ClientHelloInfo) bool {
			return len(hello.SupportedCurves) == 1 && hello.SupportedCurves[0] == tls.CurveP256
		})
	case "no-tickets":
		demandsUnless(config, func(hello *tls.ClientHelloInfo) bool {
			return !slices.Contains(hello.Extensions, sessionTicket)
		})
	case "chacha-first":
		demandsUnless(config, func(hello *tls.ClientHelloInfo) bool {
			first := hello.CipherSuites[0]
			return first == tls.TLS_CHACHA20_POLY1305_SHA256 || first == tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
		})
	default:
		log.Fatalf("no mistake %q", mistake)
	}
}

// Verifies all but some, by the leaf and the number of certificates.
func exceptFor(trusted *x509.CertPool, isExcepted func(*x509.Certificate, int) bool) func([][]byte, [][]*x509.Certificate) error {
	return func(raw [][]byte, _ [][]*x509.Certificate) error {
		leaf, err := x509.ParseCertificate(raw[0])
		if err != nil || isExcepted(leaf, len(raw)) {
			return err
		}
		sent := x509.NewCertPool()
		for _, der := range raw[1:] {
			if certificate, err := x509.ParseCertificate(der); err == nil {
				sent.AddCert(certificate)
			}
		}
		_, err = leaf.Verify(x509.VerifyOptions{Roots: trusted, Intermediates: sent, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		return err
	}
}

// RFC 5077, section 3.2.
const sessionTicket = 35

func byALPN(isLax func(offered []string) bool) func(*tls.ClientHelloInfo) bool {
	return func(hello *tls.ClientHelloInfo) bool { return isLax(hello.SupportedProtos) }
}

// Forgets to ask for a certificate, by what the ClientHello offers.
func demandsUnless(config *tls.Config, isLax func(*tls.ClientHelloInfo) bool) {
	strict := config.Clone()
	lax := config.Clone()
	lax.ClientAuth = tls.NoClientCert
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if isLax(hello) {
			return lax, nil
		}
		return strict, nil
	}
}

// Whether one of the certificates is a CA's that is trusted, or that such a CA issued.
func brings(raw [][]byte, trusted *x509.CertPool) error {
	for _, der := range raw {
		certificate, err := x509.ParseCertificate(der)
		if err != nil || !certificate.IsCA {
			continue
		}
		if _, err = certificate.Verify(x509.VerifyOptions{Roots: trusted}); err == nil {
			return nil
		}
	}
	return errors.New("no CA that is trusted")
}

func poolOf(path string) *x509.CertPool {
	pem, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}
