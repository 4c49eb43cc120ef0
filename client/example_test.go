package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"time"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store/memory"
	"github.com/conclavemq/conclave/transport"
	"github.com/conclavemq/conclave/transport/openwire"
)

// start runs a broker without a disk in this process for an example.
func start() (url string, stop func()) {
	id := message.BrokerID("ID:example-1-1-0:1")
	store := memory.New()
	quiet := slog.New(slog.DiscardHandler)
	b, err := broker.New(broker.Options{Name: "example", ID: id, Store: store, Log: quiet})
	if err != nil {
		log.Fatal(err)
	}
	uri, err := transport.ParseURI("tcp://127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	protocol := openwire.New(openwire.Options{URI: uri, Broker: b, BrokerName: "example", BrokerID: id, Log: quiet})
	l, err := transport.Listen(transport.Options{Name: "openwire", URI: uri, Protocol: protocol, Log: quiet})
	if err != nil {
		log.Fatal(err)
	}
	return "tcp://" + l.Addr().String(), func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		l.Park(ctx)
		l.Dismiss()
		_ = b.Close(ctx)
		_ = store.Close()
	}
}

func Example() {
	url, stop := start()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	conn, err := client.Dial(ctx, "failover:("+url+")?timeout=3000", client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	session, err := conn.Session(ctx, client.AutoAcknowledge)
	if err != nil {
		log.Fatal(err)
	}
	orders := message.NewQueue("ORDERS")
	producer, err := session.Producer(ctx, orders, client.ProducerOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"a chair", "a table"} {
		if err := producer.Send(ctx, client.NewText(text)); err != nil {
			log.Fatal(err)
		}
	}
	consumer, err := session.Consumer(ctx, orders, client.ConsumerOptions{})
	if err != nil {
		log.Fatal(err)
	}
	n := 0
	for d, err := range consumer.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		text, _ := client.Text(d.Message)
		fmt.Println(text)
		if n++; n == 2 {
			break
		}
	}
	// Output:
	// a chair
	// a table
}

// What a listener's function fails at comes again, and at last goes to the
// dead-letter queue with the error as its cause.
func ExampleConsumer_Listen() {
	url, stop := start()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	conn, err := client.Dial(ctx, url, client.Options{
		Redelivery: client.RedeliveryPolicy{Maximum: 2, InitialDelay: 10 * time.Millisecond, BackOff: true},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	session, _ := conn.Session(ctx, client.Transacted)
	producer, _ := session.Producer(ctx, message.NewQueue("PAYMENTS"), client.ProducerOptions{})
	_ = producer.Send(ctx, client.NewText("12 EUR"))
	if err := session.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	consumer, _ := session.Consumer(ctx, message.NewQueue("PAYMENTS"), client.ConsumerOptions{})
	listening, enough := context.WithCancel(ctx)
	err = consumer.Listen(listening, func(_ context.Context, d message.Delivery) error {
		if d.RedeliveryCounter == 0 {
			fmt.Println("the bank does not answer")
			return errors.New("the bank does not answer")
		}
		fmt.Println("paid at repeat", d.RedeliveryCounter)
		enough()
		return nil
	})
	fmt.Println(err)
	// Output:
	// the bank does not answer
	// paid at repeat 1
	// context canceled
}

func ExampleSession_Commit() {
	url, stop := start()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	conn, err := client.Dial(ctx, url, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	session, _ := conn.Session(ctx, client.Transacted)
	in, _ := session.Consumer(ctx, message.NewQueue("IN"), client.ConsumerOptions{})
	out, _ := session.Producer(ctx, message.Destination{}, client.ProducerOptions{})
	send := func(to, text string) {
		m := client.NewText(text)
		m.Destination = message.NewQueue(to)
		if err := out.Send(ctx, m); err != nil {
			log.Fatal(err)
		}
	}
	send("IN", "work")
	_ = session.Commit(ctx)
	d, _ := in.Receive(ctx)
	text, _ := client.Text(d.Message)
	send("OUT", strings.ToUpper(text))
	switch err := session.Commit(ctx); { // the receipt and the send, or neither
	case errors.Is(err, client.ErrRolledBack):
		fmt.Println("a failover came between: the message comes again")
	case err != nil:
		log.Fatal(err)
	}
	browser, _ := session.Browse(ctx, message.NewQueue("OUT"), "")
	for m, err := range browser.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		text, _ := client.Text(m)
		fmt.Println(text)
	}
	// Output:
	// WORK
}

func ExampleConn_Requestor() {
	url, stop := start()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	conn, err := client.Dial(ctx, url, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	done := make(chan struct{})
	go func() { // the service
		defer close(done)
		session, _ := conn.Session(ctx, client.AutoAcknowledge)
		requests, _ := session.Consumer(ctx, message.NewQueue("UPPER"), client.ConsumerOptions{})
		replies, _ := session.Producer(ctx, message.Destination{}, client.ProducerOptions{NonPersistent: true})
		d, err := requests.Receive(ctx)
		if err != nil {
			return
		}
		text, _ := client.Text(d.Message)
		_ = replies.Reply(ctx, d.Message, client.NewText(strings.ToUpper(text)))
	}()
	requestor, err := conn.Requestor(ctx, message.NewQueue("UPPER"), client.ProducerOptions{NonPersistent: true})
	if err != nil {
		log.Fatal(err)
	}
	reply, err := requestor.Request(ctx, client.NewText("hello"))
	if err != nil {
		log.Fatal(err)
	}
	text, _ := client.Text(reply)
	fmt.Println(text)
	<-done
	_ = requestor.Close(ctx)
	// Output:
	// HELLO
}

func ExampleDial_failover() {
	ctx := context.Background()
	conn, err := client.Dial(ctx, "failover:(tcp://a:61616,tcp://b:61616)?randomize=false&priorityBackup=true&timeout=3000",
		client.Options{
			UserName: "user", Password: "secret",
			Transport: client.TransportListener{
				Interrupted: func(err error) { log.Print("looking for a broker: ", err) },
				Resumed:     func(broker string) { log.Print("connected to ", broker) },
				Exception:   func(err error) { log.Print("gone for good: ", err) },
			},
		})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
}
