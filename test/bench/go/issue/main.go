// Command issue makes P-256 keys and certificates over crypto/x509 with the files that
// `fleetsec cert issue --from` writes, on two threads: issue CERT KEY OUT COUNT [sync].
// With "sync" it syncs every 512 certificates before it records them, as fleetsec does.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const batch = 512

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

type issuer struct {
	cert  *x509.Certificate
	key   any
	chain []byte
	out   string
}

func (ca *issuer) issue(n int) []byte {
	name := fmt.Sprintf("truck-%d", n)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 159))
	check(err)
	uri, err := url.Parse("spiffe://fleet.internal/fleet-edge/" + name)
	check(err)
	now := time.Now()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"acme"}, OrganizationalUnit: []string{"vehicle_agent"}, CommonName: name},
		NotBefore:             now.Add(-time.Minute),
		NotAfter:              now.Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{name + ".fleet.internal"},
		URIs:                  []*url.URL{uri},
	}, ca.cert, &key.PublicKey, ca.key)
	check(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	directory := filepath.Join(ca.out, name)
	temporary := filepath.Join(directory, ".1.tmp")
	check(os.Mkdir(directory, 0o700))
	check(os.Mkdir(temporary, 0o700))
	write := func(file string, data []byte, mode os.FileMode) {
		check(os.WriteFile(filepath.Join(temporary, file), data, mode))
	}
	write("cert.pem", cert, 0o644)
	write("chain.pem", ca.chain, 0o644)
	write("key.pem", private, 0o600)
	write("bundle.pem", bytes.Join([][]byte{private, cert, ca.chain}, nil), 0o600)
	check(os.Rename(temporary, filepath.Join(directory, "1")))
	check(os.Symlink("1", filepath.Join(directory, "current")))
	line, err := json.Marshal(map[string]any{"name": name, "serial": serial.Text(16), "notAfter": now.Add(24 * time.Hour)})
	check(err)
	return append(line, '\n')
}

func main() {
	runtime.GOMAXPROCS(2)
	count, err := strconv.Atoi(os.Args[4])
	check(err)
	ca := &issuer{out: os.Args[3]}
	der := readPem(os.Args[1])
	ca.chain = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	ca.cert, err = x509.ParseCertificate(der)
	check(err)
	ca.key, err = x509.ParsePKCS8PrivateKey(readPem(os.Args[2]))
	check(err)
	check(os.Mkdir(ca.out, 0o700))
	inventory, err := os.OpenFile(filepath.Join(ca.out, "inventory.jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	check(err)
	for at := 0; at < count; at += batch {
		end := min(at+batch, count)
		lines := make([][]byte, end-at)
		var group sync.WaitGroup
		for half := range 2 {
			group.Go(func() {
				for n := at + half; n < end; n += 2 {
					lines[n-at] = ca.issue(n)
				}
			})
		}
		group.Wait()
		if len(os.Args) > 5 {
			check(exec.Command("sync", "-f", ca.out).Run())
		}
		_, err = inventory.Write(bytes.Join(lines, nil))
		check(err)
		if len(os.Args) > 5 {
			check(inventory.Sync())
		}
	}
}
