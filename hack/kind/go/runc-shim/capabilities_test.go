package main

import (
	"slices"
	"testing"
)

const everything = 1<<41 - 1

var withoutSysResource = uint64(everything &^ (1 << slices.Index(capabilities, "CAP_SYS_RESOURCE")))

func process(names ...any) map[string]any {
	return map[string]any{"oomScoreAdj": -500.0, "capabilities": map[string]any{"bounding": names, "inheritable": slices.Clone(names)}}
}

func capabilitySet(p map[string]any, kind string) []any {
	return p["capabilities"].(map[string]any)[kind].([]any)
}

func TestAMissingCapabilityIsNotAskedFor(t *testing.T) {
	p := process("CAP_CHOWN", "CAP_SYS_RESOURCE")
	adapt(p, withoutSysResource)
	if got := capabilitySet(p, "bounding"); !slices.Equal(got, []any{"CAP_CHOWN"}) {
		t.Errorf("bounding = %v", got)
	}
	if p["oomScoreAdj"] != 0 {
		t.Errorf("oomScoreAdj = %v, want 0: lowering it would fail", p["oomScoreAdj"])
	}
}

func TestAPrivilegedContainerGetsTheNewerCapabilities(t *testing.T) {
	p := process("CAP_SYS_ADMIN")
	adapt(p, everything)
	for _, name := range newer {
		if !slices.Contains(capabilitySet(p, "bounding"), any(name)) {
			t.Errorf("bounding lacks %s", name)
		}
		if slices.Contains(capabilitySet(p, "inheritable"), any(name)) {
			t.Errorf("inheritable has %s", name)
		}
	}
	if p["oomScoreAdj"] != -500.0 {
		t.Errorf("oomScoreAdj = %v changed on a machine that may lower it", p["oomScoreAdj"])
	}
}

func TestAnOrdinaryContainerGetsNothingNew(t *testing.T) {
	p := process("CAP_CHOWN")
	adapt(p, everything)
	if got := capabilitySet(p, "bounding"); !slices.Equal(got, []any{"CAP_CHOWN"}) {
		t.Errorf("bounding = %v", got)
	}
}
