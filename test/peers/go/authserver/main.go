// A web server over TLS, with one of Go's policies on clients' certificates.
package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address and port")
	auth := flag.String("auth", "", "a tls.ClientAuthType by its name")
	cert := flag.String("cert", "", "certificate chain, PEM")
	key := flag.String("key", "", "private key, PEM")
	ca := flag.String("ca", "", "clients' CA, PEM")
	beside := flag.String("beside", "", "address and port of a second listener, with the same keys for tickets")
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
	serve := func(address, ca string) {
		config := &tls.Config{ClientAuth: policy, ClientCAs: poolOf(ca), MinVersion: tls.VersionTLS12}
		if *beside != "" {
			config.SetSessionTicketKeys([][32]byte{tickets})
		}
		server := &http.Server{
			Addr:      address,
			ErrorLog:  log.New(io.Discard, "", 0),
			TLSConfig: config,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintln(w, "welcome to the fleet")
			}),
		}
		log.Fatal(server.ListenAndServeTLS(*cert, *key))
	}
	if *beside != "" {
		go serve(*beside, *besideCa)
	}
	serve(*listen, *ca)
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
