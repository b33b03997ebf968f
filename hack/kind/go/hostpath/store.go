package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// record describes a volume or a snapshot. Its presence says that the directory beside it is complete.
type record struct {
	ID      string
	Source  string
	Size    int64 // bytes that were asked for
	Created time.Time
}

// store keeps directories with a record each: volumes and snapshots.
type store struct {
	mu  sync.Mutex
	dir string
}

type kind string

const (
	volumes   kind = "volumes"
	snapshots kind = "snapshots"
)

func newStore(dir string) (*store, error) {
	for _, k := range []kind{volumes, snapshots} {
		if err := os.MkdirAll(filepath.Join(dir, string(k)), 0o700); err != nil {
			return nil, err
		}
	}
	return &store{dir: dir}, nil
}

func (s *store) path(k kind, id string) string {
	return filepath.Join(s.dir, string(k), filepath.Base(id))
}

// get returns fs.ErrNotExist if there is none.
func (s *store) get(k kind, id string) (record, error) {
	var r record
	data, err := os.ReadFile(s.path(k, id) + ".json")
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

// create makes a directory, empty or the copy of another one (copyFrom); one that is there already is returned as it is.
func (s *store) create(k kind, r record, copyFrom string) (record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if existing, err := s.get(k, r.ID); !errors.Is(err, fs.ErrNotExist) {
		return existing, err
	}
	path := s.path(k, r.ID)
	if err := os.RemoveAll(path); err != nil { // half made
		return r, err
	}
	if copyFrom == "" {
		if err := os.Mkdir(path, 0o777); err != nil {
			return r, err
		}
		// Mkdir subtracts the umask. A pod without fsGroup must be able to write as well.
		if err := os.Chmod(path, 0o777); err != nil {
			return r, err
		}
	} else if out, err := exec.Command("cp", "-a", "--reflink=auto", copyFrom, path).CombinedOutput(); err != nil {
		return r, fmt.Errorf("copying %s: %w: %s", copyFrom, err, out)
	}
	data, err := json.Marshal(r)
	if err != nil {
		return r, err
	}
	temporary := path + ".tmp"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return r, err
	}
	return r, os.Rename(temporary, path+".json")
}

// remove is content if there is nothing to remove.
func (s *store) remove(k kind, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Remove(s.path(k, id) + ".json"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(s.path(k, id))
}
