// terminal-host runs one command on a pseudo-terminal and holds the terminal's other end, for workspaced:
//
//	terminal-host COLUMNS ROWS COMMAND [ARGUMENT…]
//
// Directory and environment are those that it was started with. Descriptor 3 is a socket on which both sides send the frames
// of frame.go. The command leads a session of its own, whose controlling terminal this is. When the command has ended, what
// it printed and how it ended is told, and so is what kept it from starting; when the socket closes, the terminal hangs up, unless
// the host was told to let go of it: see line.go.
//
// What the command leaves behind becomes a child of the host: the tree of this process is all that runs on the terminal, as a dump
// takes it.
//
// One process a terminal, and nothing but the standard library: it is the root of all that runs on the terminal, and costs
// what its memory costs, once for each shell that is open.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
)



func main() {
	// It moves bytes between two buffers: a collector that waits for twice of nothing would only cost memory.
	debug.SetGCPercent(20)
	runtime.GOMAXPROCS(1)
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: terminal-host COLUMNS ROWS COMMAND [ARGUMENT…], with a socket as descriptor 3")
		os.Exit(2)
	}
	if err := syscall.SetNonblock(3, true); err != nil {
		fmt.Fprintln(os.Stderr, "descriptor 3 is no socket:", err)
		os.Exit(2)
	}
	syscall.CloseOnExec(3)
	line := newLine(os.NewFile(3, "socket"))
	columns, rows, err := size(os.Args[1], os.Args[2])
	if err == nil {
		err = host(line, columns, rows, os.Args[3:])
	}
	if err != nil {
		// Whoever listened may be the one that went.
		_ = line.write(frameFailed, []byte(err.Error()))
		os.Exit(1)
	}
}

// host runs the command to its end. An error means that it was not started.
func host(line *line, columns, rows uint16, argv []string) error {
	if err := adoptOrphans(); err != nil {
		return err
	}
	terminal, err := openTerminal()
	if err != nil {
		return fmt.Errorf("no pseudo-terminal can be opened: %w", err)
	}
	if err := terminal.resize(columns, rows); err != nil {
		return fmt.Errorf("the terminal cannot be given its size: %w", err)
	}
	pid, err := start(argv, terminal.slave)
	if err != nil {
		return describe(argv[0], err)
	}
	// Ours must not be the one that keeps the terminal open.
	_ = terminal.slave.Close()
	if err := line.write(frameStarted, number(pid)); err != nil {
		hangUp(pid)
	}
	go func() {
		takeInput(line, terminal, pid)
		hangUp(pid)
		time.Sleep(patience)
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}()
	shown := make(chan struct{})
	go func() {
		showOutput(terminal, line, pid)
		close(shown)
	}()
	status := wait(pid)
	terminal.ended()
	<-shown
	// Nobody may be left to tell.
	_ = line.write(frameExit, exit(status))
	return nil
}

// subreaper is PR_SET_CHILD_SUBREAPER of prctl(2).
const subreaper = 36

// adoptOrphans has what loses its parent on this terminal become a child of the host.
func adoptOrphans() error {
	if _, _, failure := syscall.RawSyscall(syscall.SYS_PRCTL, subreaper, 1, 0); failure != 0 {
		return fmt.Errorf("the host cannot look after orphans: %w", failure)
	}
	return nil
}

// start runs the command on the terminal, in a session of its own. Not by os/exec: that holds a descriptor of the process.
func start(argv []string, slave *os.File) (int, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 0, err
	}
	// Asked for in this way it becomes one that blocks, as a program expects its terminal to be.
	descriptor := slave.Fd()
	return syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{descriptor, descriptor, descriptor},
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: true},
	})
}

// wait takes away what ends here, orphans too, until the command has ended; answers how that did.
func wait(command int) syscall.WaitStatus {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if pid == command || (err != nil && !errors.Is(err, syscall.EINTR)) {
			return status
		}
	}
}

// patience is what a command that does not heed a lost line is given.
const patience = 2 * time.Second

// hangUp is what a lost line is to the session: its leader decides what becomes of the rest.
func hangUp(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGHUP)
	_ = syscall.Kill(-pid, syscall.SIGCONT)
}

// takeInput writes what comes over the line to the terminal until the line is lost.
func takeInput(line *line, terminal *terminal, pid int) {
	frames := frameReader{from: line}
	for {
		kind, payload, err := frames.next()
		if err != nil {
			line.lose()
			return
		}
		switch kind {
		case frameBytes:
			// An error says that the command has ended, which is told elsewhere.
			_, _ = terminal.master.Write(payload)
		case frameResize:
			if len(payload) == 4 {
				_ = terminal.resize(uint16(payload[0])<<8|uint16(payload[1]), uint16(payload[2])<<8|uint16(payload[3]))
			}
		case frameLetGo:
			line.letGo()
			if line.takeUp(string(payload), number(pid)) != nil {
				return
			}
			// A restored process may have lost that.
			_ = adoptOrphans()
		}
	}
}

// lastWords is how many bytes are shown at most after the command has ended: a process that it left behind may never stop.
const lastWords = 1 << 20

// showOutput sends what the terminal shows until nothing more can come.
func showOutput(terminal *terminal, line *line, pid int) {
	buffer := make([]byte, 16*1024)
	for left := lastWords; left > 0; {
		read, err := terminal.read(buffer)
		if terminal.done.Load() {
			left -= read
		}
		if read > 0 && line.write(frameBytes, buffer[:read]) != nil {
			hangUp(pid)
			return
		}
		if err != nil {
			return
		}
	}
}

func size(columns, rows string) (uint16, uint16, error) {
	width, err := strconv.ParseUint(columns, 10, 16)
	if err != nil {
		return 0, 0, fmt.Errorf("%q is no number of columns", columns)
	}
	height, err := strconv.ParseUint(rows, 10, 16)
	if err != nil {
		return 0, 0, fmt.Errorf("%q is no number of rows", rows)
	}
	return uint16(width), uint16(height), nil
}

// exit is the payload that tells how the command ended: 0 and its code, or 1 and the number of its signal.
func exit(status syscall.WaitStatus) []byte {
	if status.Signaled() {
		return []byte{1, byte(status.Signal())}
	}
	return []byte{0, byte(status.ExitStatus())}
}

// describe says what kept a program from starting, in words of a person who typed its name.
func describe(name string, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("there is no program %s", name)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s is no program that may be run", name)
	}
	return fmt.Errorf("%s cannot be started: %w", name, err)
}
