// Package jobs runs the broker's scheduler on the journal: what is left when
// the disk loses power between a job and its delivery, and what a backlog of
// jobs costs beside one of messages.
package jobs
