// Two Go clients against one broker: franz-go and sarama. Prints one line for each check.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"
)

const wait = 20 * time.Second

type check struct {
	name string
	run  func(hosts string) error
}

func topicName(stem string) string {
	return fmt.Sprintf("%s-%08x", stem, rand.Uint32())
}

// equal is nil, or what differs.
func equal(got, wanted any, what string) error {
	if got != wanted {
		return fmt.Errorf("%s: %v where %v was due", what, got, wanted)
	}
	return nil
}

func eventually(condition func() bool, what string) error {
	for deadline := time.Now().Add(wait); !condition(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %v: %s", wait, what)
		}
	}
	return nil
}

func main() {
	checks := map[string][]check{"franz": franzChecks, "sarama": saramaChecks}[os.Args[1]]
	hosts := os.Args[len(os.Args)-1]
	for number, check := range checks {
		if err := check.run(hosts); err != nil {
			fmt.Printf("not ok %d %s: %s\n", number+1, check.name, strings.Join(strings.Fields(err.Error()), " "))
		} else {
			fmt.Printf("ok %d %s\n", number+1, check.name)
		}
	}
	fmt.Printf("1..%d\n", len(checks))
}
