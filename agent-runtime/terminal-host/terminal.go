package main

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// silence is how long the terminal of a command that has ended may show nothing before it counts as done: a process that
// the command left behind keeps the terminal open, and would else be waited for.
const silence = 100 * time.Millisecond

// terminal is a pseudo-terminal: what a program finds as its terminal (the slave), and the end that is held here.
type terminal struct {
	master, slave *os.File
	done          atomic.Bool
}

func openTerminal() (*terminal, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var unlock, name int32
	if err := control(master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock)); err != nil {
		return nil, err
	}
	if err := control(master, syscall.TIOCGPTN, unsafe.Pointer(&name)); err != nil {
		return nil, err
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", name), os.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &terminal{master: master, slave: slave}, nil
}

// resize also tells the programs in the foreground, by SIGWINCH, where the size is another one than before.
func (terminal *terminal) resize(columns, rows uint16) error {
	size := struct{ rows, columns, x, y uint16 }{rows: rows, columns: columns}
	return control(terminal.master, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
}

// read fails when nothing more can come: every process has closed the terminal, or the command has ended and its silence is over.
func (terminal *terminal) read(buffer []byte) (int, error) {
	for {
		if terminal.done.Load() {
			_ = terminal.master.SetReadDeadline(time.Now().Add(silence))
		}
		read, err := terminal.master.Read(buffer)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		return read, err
	}
}

// ended says that the command has.
func (terminal *terminal) ended() {
	terminal.done.Store(true)
	_ = terminal.master.SetReadDeadline(time.Now().Add(silence))
}

// control is ioctl(2). Asking the file for its descriptor would make it one that blocks, and its deadlines would not work.
func control(file *os.File, request uintptr, argument unsafe.Pointer) error {
	connection, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failure syscall.Errno
	err = connection.Control(func(descriptor uintptr) {
		_, _, failure = syscall.Syscall(syscall.SYS_IOCTL, descriptor, request, uintptr(argument))
	})
	if err != nil {
		return err
	}
	if failure != 0 {
		return failure
	}
	return nil
}
