package main

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// The disk, with some files replaced or added. It keeps what a rendering has seen of the disk: as long as all
// of that is the same, so is the rendering. A key is one letter and a path: `f` is the digest of a
// file, empty if it cannot be read, and `p` where a path leads without symbolic links, empty if it
// leads nowhere.
type watched struct {
	filesys.FileSystem
	files map[string]string
	seen  map[string]string
}

// What cannot be told from the files that were seen: here, the listing of a folder.
const unknown = "?"

func (w watched) ReadFile(path string) ([]byte, error) {
	if text, found := w.files[path]; found {
		return []byte(text), nil
	}
	text, err := w.FileSystem.ReadFile(path)
	if err != nil {
		w.seen["f"+path] = ""
		return text, err
	}
	sum := sha256.Sum256(text)
	w.seen["f"+path] = hex.EncodeToString(sum[:])
	return text, nil
}

func (w watched) CleanedAbs(path string) (filesys.ConfirmedDir, string, error) {
	folder, file, err := w.FileSystem.CleanedAbs(path)
	// A relative path is one of the folder that this process was started in.
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if err == nil {
		w.seen["p"+path] = folder.Join(file)
		return folder, file, nil
	}
	w.seen["p"+path] = ""
	if _, found := w.files[path]; found { // in the place of none
		folder, _, err = w.FileSystem.CleanedAbs(filepath.Dir(path))
		return folder, filepath.Base(path), err
	}
	return folder, file, err
}

func (w watched) Exists(path string) bool {
	_, _, _ = w.CleanedAbs(path)
	_, found := w.files[path]
	return found || w.FileSystem.Exists(path)
}

func (w watched) IsDir(path string) bool {
	_, _, _ = w.CleanedAbs(path)
	return w.FileSystem.IsDir(path)
}

func (w watched) ReadDir(path string) ([]string, error) {
	w.seen[unknown] = path
	return w.FileSystem.ReadDir(path)
}

func (w watched) Glob(pattern string) ([]string, error) {
	w.seen[unknown] = pattern
	return w.FileSystem.Glob(pattern)
}

func (w watched) Open(path string) (filesys.File, error) {
	w.seen[unknown] = path
	return w.FileSystem.Open(path)
}

func (w watched) Walk(path string, walk filepath.WalkFunc) error {
	w.seen[unknown] = path
	return w.FileSystem.Walk(path, walk)
}

// isComplete tells whether the rendering depends on nothing but what was seen.
func (w watched) isComplete() bool {
	_, found := w.seen[unknown]
	return !found
}
