// Verifies an audit log in files with the Go project's own implementation of notes, tiles and proofs.
//
//	go run . DIR VKEY PROOF LEAF_INDEX...
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type files string

func (dir files) Height() int { return 8 }

func (dir files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		// the Go checksum database names the height in its paths, C2SP tlog-tiles does not
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(dir), path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (dir files) SaveTiles([]tlog.Tile, [][]byte) {}

func check(err error) {
	if err != nil {
		fmt.Println("NOT sound:", err)
		os.Exit(1)
	}
}

func openTree(dir, vkey, signed string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	check(err)
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	if lines[0] != verifier.Name() {
		check(fmt.Errorf("origin %q", lines[0]))
	}
	return tlog.Tree{N: size, Hash: root}
}

func leafAt(dir string, size, index int64) []byte {
	width := size - index/256*256
	path := strings.Replace(tlog.Tile{H: 8, L: -1, N: index / 256, W: int(min(256, width))}.Path(), "tile/8/data/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(dir, path))
	check(err)
	for place := int64(0); ; place++ {
		length := int(data[0])<<8 | int(data[1])
		if place == index%256 {
			return data[2 : 2+length]
		}
		data = data[2+length:]
	}
}

func main() {
	dir, vkey, proofFile := os.Args[1], os.Args[2], os.Args[3]
	newest, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	check(err)
	tree := openTree(dir, vkey, string(newest))
	reader := tlog.TileHashReader(tree, files(dir))
	for _, word := range os.Args[4:] {
		index, err := strconv.ParseInt(word, 10, 64)
		check(err)
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		check(err)
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(leafAt(dir, tree.N, index))))
	}
	// every checkpoint that was kept, each consistent with the newest
	kept, err := os.ReadFile(filepath.Join(dir, "checkpoints"))
	check(err)
	parts := strings.Split(string(kept), "\n\n")
	for at := 0; at+1 < len(parts); at += 2 {
		older := openTree(dir, vkey, parts[at]+"\n\n"+parts[at+1]+"\n")
		proof, err := tlog.ProveTree(tree.N, older.N, reader)
		check(err)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash))
	}
	// a proof that we made, checked by theirs
	text, err := os.ReadFile(proofFile)
	check(err)
	head, signed, _ := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	leaf, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	check(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	check(err)
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		check(err)
		proof = append(proof, hash)
	}
	proven := openTree(dir, vkey, signed)
	check(tlog.CheckRecord(proof, proven.N, proven.Hash, index, tlog.RecordHash(leaf)))
	if !bytes.Equal(leaf, leafAt(dir, tree.N, index)) {
		check(fmt.Errorf("another leaf"))
	}
	fmt.Printf("sound: %d leaves\n", tree.N)
}
