// cutpower takes the power from an ext4 file system: what was not yet written to its device is lost, the journal included.
//
// Usage: cutpower DIRECTORY, which has to be where it is mounted. See ioctl EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH.
package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

const (
	shutdown   = 0x8004587d
	noLogFlush = 2
)

func main() {
	directory, err := os.Open(os.Args[1])
	if err == nil {
		how := uint32(noLogFlush)
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, directory.Fd(), shutdown, uintptr(unsafe.Pointer(&how))); errno != 0 {
			err = errno
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cutpower:", err)
		os.Exit(1)
	}
}
