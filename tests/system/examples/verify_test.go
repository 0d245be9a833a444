package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain says what receiver.go thinks of the message in VERIFY_..., at VERIFY_NOW.
func TestMain(*testing.M) {
	given := func(name string) string { return os.Getenv("VERIFY_" + name) }
	now, err := strconv.ParseInt(given("NOW"), 10, 64)
	if err != nil {
		panic(err)
	}
	if verify(strings.Fields(given("SECRETS")), given("ID"), given("TIMESTAMP"), given("SIGNATURES"),
		[]byte(given("BODY")), time.Unix(now, 0)) {
		fmt.Println("good")
	} else {
		fmt.Println("refused")
	}
	os.Exit(0)
}
