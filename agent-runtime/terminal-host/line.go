package main

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// A line that was let go is tried again so often, and so many times: a minute, in which the host itself must run.
const (
	pause    = 20 * time.Millisecond
	attempts = 3000
)

var errLost = errors.New("the line to workspaced is lost")

// line is the way to workspaced. It can be let go and taken up again over another socket: in between, the host has no tie to any
// process but those that it started, and can be dumped with them. Who has something to tell meanwhile waits.
type line struct {
	// writing is held while a frame is written, which lasts as long as workspaced does not read. What is typed passes meanwhile.
	writing sync.Mutex
	mutex   sync.Mutex
	changed *sync.Cond
	// socket is nil while the line is let go, and when it is lost.
	socket *os.File
	lost   bool
}

func newLine(socket *os.File) *line {
	line := &line{socket: socket}
	line.changed = sync.NewCond(&line.mutex)
	return line
}

// write sends a frame as a whole.
func (line *line) write(kind byte, payload []byte) error {
	line.writing.Lock()
	defer line.writing.Unlock()
	socket := line.await()
	if socket == nil {
		return errLost
	}
	return writeFrame(socket, kind, payload)
}

// await is the socket, once there is one; nil where the line is lost.
func (line *line) await() *os.File {
	line.mutex.Lock()
	defer line.mutex.Unlock()
	for line.socket == nil && !line.lost {
		line.changed.Wait()
	}
	if line.lost {
		return nil
	}
	return line.socket
}

// Read is for the one goroutine that also lets go and takes up.
func (line *line) Read(buffer []byte) (int, error) {
	line.mutex.Lock()
	socket := line.socket
	line.mutex.Unlock()
	if socket == nil {
		return 0, io.EOF
	}
	return socket.Read(buffer)
}

// letGo waits until a frame that is being written is whole.
func (line *line) letGo() {
	line.writing.Lock()
	defer line.writing.Unlock()
	line.mutex.Lock()
	defer line.mutex.Unlock()
	_ = line.socket.Close()
	line.socket = nil
}

// takeUp connects to the socket at path and says who this is. The time is counted in attempts, slept one by one in the kernel: on
// another node the clock that Go's timers go by may be days behind.
func (line *line) takeUp(path string, hello []byte) error {
	for range attempts {
		if socket, err := dial(path); err == nil && writeFrame(socket, frameStarted, hello) == nil {
			line.mutex.Lock()
			defer line.mutex.Unlock()
			line.socket = socket
			line.changed.Broadcast()
			return nil
		}
		span := syscall.NsecToTimespec(pause.Nanoseconds())
		_ = syscall.Nanosleep(&span, nil)
	}
	line.lose()
	return errLost
}

// lose tells those who wait that nobody listens any more.
func (line *line) lose() {
	line.mutex.Lock()
	defer line.mutex.Unlock()
	line.lost = true
	line.changed.Broadcast()
}

func dial(path string) (*os.File, error) {
	descriptor, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Connect(descriptor, &syscall.SockaddrUnix{Name: path}); err != nil {
		_ = syscall.Close(descriptor)
		return nil, err
	}
	return os.NewFile(uintptr(descriptor), "socket"), nil
}
