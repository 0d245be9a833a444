// Receives golived's webhooks: verify, answer, then work. Go 1.19 or newer, nothing to download: go run receiver.go
//
// WEBHOOK_SECRET  whsec_..., as shown when the webhook was registered; both, separated by a space, during a rotation
// PORT            where to listen on 127.0.0.1, behind whatever does your TLS (9000; 0 lets the system choose)
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	tolerance        = 5 * time.Minute
	bodyMaxBytes     = 1 << 20
	rememberedEvents = 10000
)

type event struct {
	ID       string `json:"event_id"`
	Event    string `json:"event"`
	IsTest   bool   `json:"is_test"`
	Sequence *int64 `json:"sequence"` // nil in tests
	Creator  struct {
		UniqueID string `json:"unique_id"`
	} `json:"creator"`
}

// verify tells whether one of the signatures is that of one of the secrets over these bytes, and was made within five
// minutes of now.
func verify(secrets []string, id, timestamp, signatures string, body []byte, now time.Time) bool {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return false
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return false
	}
	good := false
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			continue
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.", id, timestamp)
		mac.Write(body)
		expected := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		for _, signature := range strings.Fields(signatures) {
			good = hmac.Equal([]byte(expected), []byte(signature)) || good
		}
	}
	return good
}

// work is one goroutine, so what it remembers needs no lock. golived delivers at least once, and retries come late: both
// are sorted out first.
func work(events <-chan event) {
	seen := map[string]bool{} // yours: a table, with event_id as its key
	var order []string
	lastSequence := map[string]int64{}
	for e := range events {
		if seen[e.ID] {
			fmt.Println("repeat", e.ID)
			continue
		}
		seen[e.ID] = true
		if order = append(order, e.ID); len(order) > rememberedEvents {
			delete(seen, order[0])
			order = order[1:]
		}
		if e.Sequence != nil {
			if *e.Sequence < lastSequence[e.Creator.UniqueID] {
				fmt.Println("outdated", e.ID)
				continue
			}
			lastSequence[e.Creator.UniqueID] = *e.Sequence
		}
		handle(e)
	}
}

// Your work goes here.
func handle(e event) {
	sequence, test := "null", ""
	if e.Sequence != nil {
		sequence = strconv.FormatInt(*e.Sequence, 10)
	}
	if e.IsTest {
		test = " (test)"
	}
	fmt.Printf("%s %s sequence=%s event=%s%s\n", e.Event, e.Creator.UniqueID, sequence, e.ID, test)
}

func receive(secrets []string, events chan<- event) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMaxBytes))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		h := r.Header
		if !verify(secrets, h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature"), body, time.Now()) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var e event
		if json.Unmarshal(body, &e) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		events <- e // yours: a durable queue, because 2xx says that you have it
		w.WriteHeader(http.StatusNoContent)
	}
}

func main() {
	secrets := strings.Fields(os.Getenv("WEBHOOK_SECRET"))
	if len(secrets) == 0 {
		log.Fatal("set WEBHOOK_SECRET to the whsec_... of your webhook")
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "9000"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	events := make(chan event, 1000)
	go work(events)
	fmt.Println("listening on", listener.Addr())
	server := http.Server{Handler: receive(secrets, events), ReadTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}
