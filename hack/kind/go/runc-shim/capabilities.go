package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// capabilities are the kernel's, in the order of their numbers (linux/capability.h).
var capabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
	"CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
	"CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
	"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// newer are the capabilities that Docker before 23 does not know, and so does not give to a privileged container.
var newer = []string{"CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"}

// boundingSet is what this process and its children can ever have, one bit a capability.
func boundingSet() (uint64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, after, found := strings.Cut(string(status), "CapBnd:")
	if !found {
		return 0, fmt.Errorf("/proc/self/status has no CapBnd line")
	}
	var set uint64
	_, err = fmt.Sscanf(strings.TrimSpace(after), "%x", &set)
	return set, err
}

func has(bounding uint64, name string) bool {
	bit := slices.Index(capabilities, name)
	return bit < 0 || bounding&(1<<bit) != 0 // a name we don't know is left to runc
}

// adapt makes an OCI process description fit the bounding set, in place.
func adapt(process map[string]any, bounding uint64) {
	sets, _ := process["capabilities"].(map[string]any)
	for kind, value := range sets {
		names, _ := value.([]any)
		fitting := slices.DeleteFunc(names, func(name any) bool { s, _ := name.(string); return !has(bounding, s) })
		privileged := slices.Contains(fitting, any("CAP_SYS_ADMIN"))
		if privileged && kind != "inheritable" && kind != "ambient" {
			for _, name := range newer {
				if has(bounding, name) && !slices.Contains(fitting, any(name)) {
					fitting = append(fitting, name)
				}
			}
		}
		sets[kind] = fitting
	}
	// Lowering the score below the parent's takes CAP_SYS_RESOURCE.
	if score, ok := process["oomScoreAdj"].(float64); ok && score < 0 && !has(bounding, "CAP_SYS_RESOURCE") {
		process["oomScoreAdj"] = 0
	}
}
