// Command runc-shim stands before runc and asks only for what this machine can give.
//
// Docker's --privileged demands every capability it knows and may lower the OOM score. Where the machine itself lacks
// CAP_SYS_RESOURCE (a sandbox, a nested container) runc then refuses: "unable to apply caps". The shim takes the
// capabilities that are missing out of the container's specification, and puts in the newer ones that an old
// Docker does not know, so that pods in the node can have them. Everything else passes through unchanged.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

func main() {
	bounding, err := boundingSet()
	if err != nil {
		fail("reading this process's capabilities: %v", err)
	}
	for i, arg := range os.Args[:len(os.Args)-1] {
		switch arg {
		case "--bundle", "-b":
			err = rewrite(filepath.Join(os.Args[i+1], "config.json"), "process", bounding)
		case "--process", "-p":
			err = rewrite(os.Args[i+1], "", bounding)
		}
		if err != nil {
			fail("adapting the container's specification: %v", err)
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		fail("%v: install Debian's runc", err)
	}
	fail("starting %s: %v", runc, syscall.Exec(runc, append([]string{"runc"}, os.Args[1:]...), os.Environ()))
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "runc-shim: "+format+"\n", args...)
	os.Exit(1)
}

// rewrite adapts the process description in the JSON file at path: the whole file, or its member key.
// A file that isn't there is runc's to complain about.
func rewrite(path, key string, bounding uint64) error {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var spec map[string]any
	if err := json.Unmarshal(data, &spec); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	process := spec
	if key != "" {
		process, _ = spec[key].(map[string]any)
	}
	adapt(process, bounding)
	if data, err = json.Marshal(spec); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}
