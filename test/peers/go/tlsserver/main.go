// A TLS server that demands client certificates, and repeats a line with the client's name before it.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"time"
)

func main() {
	var pairs []tls.Certificate
	flag.Func("pair", "certificate chain and private key, PEM, with a comma between", func(names string) error {
		chain, key, _ := strings.Cut(names, ",")
		pair, err := tls.LoadX509KeyPair(chain, key)
		pairs = append(pairs, pair)
		return err
	})
	ca := flag.String("ca", "", "clients' CA, PEM")
	address := flag.String("listen", "127.0.0.1:0", "address and port")
	flag.Parse()
	pem, err := os.ReadFile(*ca)
	check(err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		log.Fatal("no CA")
	}
	config := &tls.Config{
		Certificates: pairs,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
		MinVersion:   tls.VersionTLS12,
	}
	listener, err := net.Listen("tcp", *address)
	check(err)
	for {
		conn, err := listener.Accept()
		check(err)
		go greet(tls.Server(conn, config))
	}
}

func greet(conn *tls.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if conn.Handshake() != nil {
		return
	}
	name := "nobody"
	if peers := conn.ConnectionState().PeerCertificates; len(peers) > 0 {
		name = peers[0].Subject.CommonName
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	fmt.Fprintf(conn, "%s: %s", name, line)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
