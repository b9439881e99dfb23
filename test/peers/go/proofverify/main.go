// proofverify checks a proof that `fleetsec logs prove` wrote, with golang.org/x/mod/sumdb alone, and
// prints the record.
//
//	proofverify VERIFIER-KEY PROOF [OLD-CHECKPOINT]
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	verifier, err := note.NewVerifier(args[0])
	if err != nil {
		return err
	}
	data, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	head, checkpoint, ok := strings.Cut(string(data), "\n\n")
	if !ok {
		return fmt.Errorf("no checkpoint")
	}
	tree, err := open(checkpoint, verifier)
	if err != nil {
		return err
	}
	lines := strings.Split(head, "\n")
	if len(args) == 3 {
		return checkTree(lines, tree, args[2], verifier)
	}
	return checkRecord(lines, tree)
}

func open(checkpoint string, verifier note.Verifier) (tlog.Tree, error) {
	signed, err := note.Open([]byte(checkpoint), note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

func checkTree(lines []string, tree tlog.Tree, oldPath string, verifier note.Verifier) error {
	data, err := os.ReadFile(oldPath)
	if err != nil {
		return err
	}
	old, err := open(string(data), verifier)
	if err != nil {
		return err
	}
	if lines[0] != fmt.Sprintf("old %d", old.N) {
		return fmt.Errorf("%q is not of the older checkpoint", lines[0])
	}
	proof, err := hashes(lines[1:])
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(tlog.TreeProof(proof), tree.N, tree.Hash, old.N, old.Hash); err != nil {
		return err
	}
	fmt.Printf("%d extends %d\n", tree.N, old.N)
	return nil
}

// checkRecord climbs from the record to its batch's leaf, and from there to the checkpoint's root.
func checkRecord(lines []string, tree tlog.Tree) error {
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "extra ") {
		return fmt.Errorf("not a tlog-proof with extra data")
	}
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	seq, err := indexIn(lines[2])
	if err != nil {
		return err
	}
	outer, err := hashes(lines[3:])
	if err != nil {
		return err
	}
	parts := strings.SplitN(string(extra), "\n\n", 3)
	if len(parts) != 3 {
		return fmt.Errorf("the extra data has %d parts", len(parts))
	}
	inner := strings.Split(parts[0], "\n")
	index, err := indexIn(inner[1])
	if err != nil {
		return err
	}
	path, err := hashes(inner[2:])
	if err != nil {
		return err
	}
	leaf := parts[1] + "\n"
	fields := map[string]string{}
	for _, line := range strings.Split(leaf, "\n") {
		name, value, _ := strings.Cut(line, " ")
		fields[name] = value
	}
	records, err := strconv.ParseInt(fields["records"], 10, 64)
	if err != nil {
		return err
	}
	root, err := tlog.ParseHash(fields["root"])
	if err != nil {
		return err
	}
	if fields["seq"] != strconv.FormatInt(seq, 10) {
		return fmt.Errorf("the leaf is of batch %s", fields["seq"])
	}
	if err := tlog.CheckRecord(path, records, root, index, tlog.RecordHash([]byte(parts[2]))); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := tlog.CheckRecord(outer, tree.N, tree.Hash, seq, tlog.RecordHash([]byte(leaf))); err != nil {
		return fmt.Errorf("leaf: %w", err)
	}
	fmt.Printf("%d:%d %s\n", seq, index+1, parts[2])
	return nil
}

func indexIn(line string) (int64, error) {
	return strconv.ParseInt(strings.TrimPrefix(line, "index "), 10, 64)
}

func hashes(lines []string) (tlog.RecordProof, error) {
	var proof tlog.RecordProof
	for _, line := range lines {
		if line == "" {
			continue
		}
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		proof = append(proof, hash)
	}
	return proof, nil
}
