// Command x509verify asks Go's crypto/x509 about chains: one JSON request a line on stdin, one JSON
// answer a line on stdout.
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

type request struct {
	Leaf, Chain, Roots string // PEM
	Usage              string // client or server
	Host               string // checked where it is not empty
	At                 int64  // seconds since the epoch; now where it is 0
}

type answer struct {
	Ok    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		err := verify(r)
		a := answer{Ok: err == nil}
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			os.Exit(1)
		}
	}
}

func verify(r request) error {
	block, _ := pem.Decode([]byte(r.Leaf))
	if block == nil {
		return fmt.Errorf("the leaf is not PEM")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	options := x509.VerifyOptions{
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		DNSName:       r.Host,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if r.Usage == "server" {
		options.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if r.At != 0 {
		options.CurrentTime = time.Unix(r.At, 0)
	}
	if !options.Roots.AppendCertsFromPEM([]byte(r.Roots)) || !options.Intermediates.AppendCertsFromPEM([]byte(r.Chain)) {
		return fmt.Errorf("the roots or the chain are not PEM")
	}
	_, err = leaf.Verify(options)
	return err
}
