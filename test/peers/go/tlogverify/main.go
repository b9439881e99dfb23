// tlogverify checks a store that `fleetsec logs sign` wrote, with golang.org/x/mod/sumdb alone: the
// notes' signatures, every leaf's inclusion, every batch's records against its leaf, and consistency
// from each checkpoint to the next.
//
//	tlogverify STORE VERIFIER-KEY
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(store, verifierKey string) error {
	verifier, err := note.NewVerifier(verifierKey)
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(filepath.Join(store, "checkpoint"), verifier)
	if err != nil {
		return err
	}
	hashes := tlog.TileHashReader(tree, tiles{store, tree.N})
	records, err := checkLeaves(store, tree, hashes)
	if err != nil {
		return err
	}
	pairs, err := checkConsistency(store, verifier, tree, hashes)
	if err != nil {
		return err
	}
	fmt.Printf("%d leaves, %d records, %d consistency proofs\n", tree.N, records, pairs)
	return nil
}

// openCheckpoint verifies a note and reads the tree from it. Go's own tlog.ParseTree demands the
// header of the checksum database, so the three lines are read here.
func openCheckpoint(path string, verifier note.Verifier) (tlog.Tree, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%s: %w", path, err)
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		return tlog.Tree{}, fmt.Errorf("%s: not a checkpoint of %s", path, verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, fmt.Errorf("%s: size %q", path, lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// checkLeaves proves each entry's inclusion and compares each batch with its leaf.
func checkLeaves(store string, tree tlog.Tree, hashes tlog.HashReader) (records int, err error) {
	for seq := int64(0); seq < tree.N; seq++ {
		leaf, err := entry(store, tree.N, seq)
		if err != nil {
			return 0, err
		}
		proof, err := tlog.ProveRecord(tree.N, seq, hashes)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, seq, tlog.RecordHash(leaf)); err != nil {
			return 0, fmt.Errorf("leaf %d: %w", seq, err)
		}
		n, err := checkBatch(store, seq, string(leaf))
		if err != nil {
			return 0, fmt.Errorf("batch %d: %w", seq, err)
		}
		records += n
	}
	return records, nil
}

// checkBatch compares a batch file's digest, length, lines and record tree with its leaf.
func checkBatch(store string, seq int64, leaf string) (int, error) {
	data, err := os.ReadFile(filepath.Join(store, "fleetsec/batch", number(seq)+".jsonl"))
	if err != nil {
		return 0, err
	}
	lines := bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	if len(data) == 0 {
		lines = nil
	}
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	for i, line := range lines {
		added, err := tlog.StoredHashes(int64(i), line, read)
		if err != nil {
			return 0, err
		}
		stored = append(stored, added...)
	}
	root, err := tlog.TreeHash(int64(len(lines)), read)
	if err != nil {
		return 0, err
	}
	for _, want := range []string{
		fmt.Sprintf("\nseq %d\n", seq),
		fmt.Sprintf("\nrecords %d\n", len(lines)),
		fmt.Sprintf("\nbytes %d\n", len(data)),
		fmt.Sprintf("\nsha256 %x\n", sha256.Sum256(data)),
		fmt.Sprintf("\nroot %s\n", base64.StdEncoding.EncodeToString(root[:])),
	} {
		if !strings.Contains(leaf, want) {
			return 0, fmt.Errorf("the leaf does not say %q", want)
		}
	}
	return len(lines), nil
}

// checkConsistency proves that every kept checkpoint extends the one before it.
func checkConsistency(store string, verifier note.Verifier, newest tlog.Tree, hashes tlog.HashReader) (int, error) {
	names, err := os.ReadDir(filepath.Join(store, "fleetsec/checkpoint"))
	if err != nil {
		return 0, err
	}
	var trees []tlog.Tree
	for _, name := range names {
		tree, err := openCheckpoint(filepath.Join(store, "fleetsec/checkpoint", name.Name()), verifier)
		if err != nil {
			return 0, err
		}
		if strconv.FormatInt(tree.N, 10) != name.Name() {
			return 0, fmt.Errorf("checkpoint/%s is of size %d", name.Name(), tree.N)
		}
		trees = append(trees, tree)
	}
	sort.Slice(trees, func(i, j int) bool { return trees[i].N < trees[j].N })
	if len(trees) == 0 || trees[len(trees)-1] != newest {
		return 0, fmt.Errorf("the newest kept checkpoint is not the published one")
	}
	for i := 1; i < len(trees); i++ {
		proof, err := tlog.ProveTree(trees[i].N, trees[i-1].N, hashes)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckTree(proof, trees[i].N, trees[i].Hash, trees[i-1].N, trees[i-1].Hash); err != nil {
			return 0, fmt.Errorf("from size %d to %d: %w", trees[i-1].N, trees[i].N, err)
		}
	}
	return len(trees) - 1, nil
}

// tiles reads C2SP tile paths, which leave out the height that Go's have.
type tiles struct {
	store string
	size  int64
}

func (t tiles) Height() int { return tileHeight }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.store, path))
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", path, len(data))
		}
		all = append(all, data)
	}
	return all, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// entry reads one entry from its bundle.
func entry(store string, size, seq int64) ([]byte, error) {
	path := number(seq / 256)
	if width := size - seq/256*256; width < 256 {
		path = fmt.Sprintf("%s.p/%d", path, width)
	}
	data, err := os.ReadFile(filepath.Join(store, "tile/entries", path))
	if err != nil {
		return nil, err
	}
	for i := int64(0); ; i++ {
		if len(data) < 2 {
			return nil, fmt.Errorf("%s ends before entry %d", path, seq)
		}
		length := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+length {
			return nil, fmt.Errorf("%s is cut short", path)
		}
		if i == seq%256 {
			return data[2 : 2+length], nil
		}
		data = data[2+length:]
	}
}

// number is a number as tlog-tiles writes it into paths.
func number(n int64) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		text = fmt.Sprintf("x%03d/%s", n%1000, text)
	}
	return text
}
