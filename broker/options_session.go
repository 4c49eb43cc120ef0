package broker

// SessionOptions is the part of Options about durable subscriptions, transactions and users.
type SessionOptions struct{}
