// A server that speaks S3, for tests: what it stores is in memory and goes with it.
//
//	s3-server ADDRESS BUCKET…    with the key in S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY
//
// Says on standard output at which address it listens.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: s3-server ADDRESS BUCKET…")
	}
	backend := s3mem.New()
	for _, bucket := range os.Args[2:] {
		if err := backend.CreateBucket(context.Background(), bucket); err != nil {
			log.Fatalf("bucket %s: %v", bucket, err)
		}
	}
	keys := map[string]string{os.Getenv("S3_ACCESS_KEY_ID"): os.Getenv("S3_SECRET_ACCESS_KEY")}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	server := gofakes3.New(backend, gofakes3.WithV4Auth(keys), gofakes3.WithoutVersioning())
	log.Fatal(http.Serve(listener, server.Server()))
}
