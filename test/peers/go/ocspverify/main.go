// Command ocspverify asks golang.org/x/crypto/ocsp about a response:
// ocspverify RESPONSE.der LEAF.pem ISSUER.pem prints status, reason and, on an error, exits with 1.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"golang.org/x/crypto/ocsp"
)

func certificate(path string) *x509.Certificate {
	block, _ := pem.Decode(read(path))
	c, err := x509.ParseCertificate(block.Bytes)
	check(err)
	return c
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	check(err)
	return data
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	r, err := ocsp.ParseResponseForCert(read(os.Args[1]), certificate(os.Args[2]), certificate(os.Args[3]))
	check(err)
	names := map[int]string{ocsp.Good: "good", ocsp.Revoked: "revoked", ocsp.Unknown: "unknown"}
	fmt.Println(names[r.Status], r.RevocationReason)
}
