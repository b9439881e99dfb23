// Command crl builds or parses a CRL over crypto/x509: crl build CERT KEY SERIALS OUT, crl parse CRL.
package main

import (
	"bufio"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"time"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func readPem(path string) []byte {
	data, err := os.ReadFile(path)
	check(err)
	block, _ := pem.Decode(data)
	return block.Bytes
}

func build(certPath, keyPath, serials, out string) {
	cert, err := x509.ParseCertificate(readPem(certPath))
	check(err)
	key, err := x509.ParsePKCS8PrivateKey(readPem(keyPath))
	check(err)
	file, err := os.Open(serials)
	check(err)
	now := time.Now()
	var entries []x509.RevocationListEntry
	for lines := bufio.NewScanner(file); lines.Scan(); {
		serial, ok := new(big.Int).SetString(lines.Text(), 16)
		if !ok {
			panic(lines.Text())
		}
		// 4: superseded
		entries = append(entries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: now, ReasonCode: 4})
	}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		RevokedCertificateEntries: entries,
		Number:                    big.NewInt(1),
		ThisUpdate:                now,
		NextUpdate:                now.Add(24 * time.Hour),
	}, cert, key.(crypto.Signer))
	check(err)
	check(os.WriteFile(out, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), 0o644))
}

func main() {
	if os.Args[1] == "build" {
		build(os.Args[2], os.Args[3], os.Args[4], os.Args[5])
		return
	}
	list, err := x509.ParseRevocationList(readPem(os.Args[2]))
	check(err)
	fmt.Println(len(list.RevokedCertificateEntries))
}
