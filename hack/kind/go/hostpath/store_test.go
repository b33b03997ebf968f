package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestCreatingTwiceKeepsWhatIsThere(t *testing.T) {
	s, err := newStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.create(volumes, record{ID: "a"}, ""); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(s.path(volumes, "a"), "file")
		if _, err := os.Stat(file); err != nil {
			if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
				t.Fatal(err)
			}
		} else {
			return // the second round found the first one's file
		}
	}
	t.Error("the second create emptied the volume")
}

func TestAHalfMadeVolumeIsMadeAgain(t *testing.T) {
	s, err := newStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	half := s.path(volumes, "a")
	if err := os.MkdirAll(filepath.Join(half, "rubbish"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.create(volumes, record{ID: "a"}, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(half, "rubbish")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a killed run left is still there: %v", err)
	}
}

func TestASnapshotIsACopyAndRemovalIsIdempotent(t *testing.T) {
	s, err := newStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.create(volumes, record{ID: "v"}, ""); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.path(volumes, "v"), "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.create(snapshots, record{ID: "s", Source: "v"}, s.path(volumes, "v")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.remove(volumes, "v"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(s.path(snapshots, "s"), "f")); err != nil {
		t.Errorf("the snapshot went with its volume: %v", err)
	}
}
