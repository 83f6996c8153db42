// Asks one question over gRPC again and again, on so many connections, for so many seconds; writes how often it was answered.
//
//	rpc-load ADDRESS METHOD FILE CALLS CONNECTIONS SECONDS
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

type asItIs struct{}

func (asItIs) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (asItIs) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }
func (asItIs) Name() string                       { return "proto" }

func number(text string) float64 {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	address, method, file := os.Args[1], os.Args[2], os.Args[3]
	calls, connections := int(number(os.Args[4])), int(number(os.Args[5]))
	question, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	open := make([]*grpc.ClientConn, connections)
	for i := range open {
		if open[i], err = grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
			panic(err)
		}
	}
	var count, failed atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	until := began.Add(time.Duration(number(os.Args[6]) * float64(time.Second)))
	for i := range calls {
		all.Add(1)
		go func() {
			defer all.Done()
			for time.Now().Before(until) {
				var answer []byte
				if err := open[i%connections].Invoke(context.Background(), method, &question, &answer, grpc.ForceCodec(asItIs{})); err != nil {
					failed.Add(1)
				} else {
					count.Add(1)
				}
			}
		}()
	}
	all.Wait()
	fmt.Printf(`{"requests": %d, "failed": %d, "seconds": %f}`, count.Load(), failed.Load(), time.Since(began).Seconds())
}
