// A web server over TLS, with one of Go's policies on clients' certificates.
package main

import (
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
	pem, err := os.ReadFile(*ca)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	server := &http.Server{
		Addr:      *listen,
		ErrorLog:  log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{ClientAuth: policy, ClientCAs: pool, MinVersion: tls.VersionTLS12},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, "welcome to the fleet")
		}),
	}
	log.Fatal(server.ListenAndServeTLS(*cert, *key))
}
