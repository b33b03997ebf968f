package main

import (
	"encoding/binary"
	"fmt"
	"io"
)

// A frame is one byte that says what it is, four that say how long its payload is (big-endian), and the payload.
const (
	// frameBytes, in both directions: what is typed, what is shown.
	frameBytes = 0
	// frameResize, to the host: columns and rows, two bytes each.
	frameResize = 1
	// frameStarted, from the host, its first over each socket: the pid of the command, four bytes.
	frameStarted = 2
	// frameExit, from the host, its last: see exit.
	frameExit = 3
	// frameFailed, from the host, its only one: why the command was not started, as text.
	frameFailed = 4
	// frameLetGo, to the host: it closes the socket, and comes back to the one that listens at the path in the payload.
	frameLetGo = 5
)

// longestPayload is also what workspaced sends at most in one frame.
const longestPayload = 64 * 1024

func number(value int) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(value))
}

// writeFrame sends a frame as a whole. Not for two goroutines at the same time.
func writeFrame(to io.Writer, kind byte, payload []byte) error {
	frame := make([]byte, 0, 5+len(payload))
	frame = append(frame, kind)
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(payload)))
	_, err := to.Write(append(frame, payload...))
	return err
}

// frameReader reads frames one after another.
type frameReader struct {
	from   io.Reader
	header [5]byte
	buffer []byte
}

// next is the next frame; its payload is good until the one after it is read.
func (reader *frameReader) next() (byte, []byte, error) {
	if _, err := io.ReadFull(reader.from, reader.header[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(reader.header[1:])
	if length > longestPayload {
		return 0, nil, fmt.Errorf("a frame of %d bytes", length)
	}
	if uint32(cap(reader.buffer)) < length {
		reader.buffer = make([]byte, length)
	}
	payload := reader.buffer[:length]
	_, err := io.ReadFull(reader.from, payload)
	return reader.header[0], payload, err
}
