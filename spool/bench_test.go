package spool

import (
	"testing"

	"github.com/conclavemq/conclave/message"
)

func BenchmarkAppend(b *testing.B) {
	s := New(Options{Directory: b.TempDir()})
	defer s.Close()
	l, m := s.NewList(), numbered(1, 1024)
	b.SetBytes(1024)
	b.ReportAllocs()
	for b.Loop() {
		_ = l.Append(m, 1, 2)
	}
}

func BenchmarkRead(b *testing.B) {
	s := New(Options{Directory: b.TempDir()})
	defer s.Close()
	l, m := s.NewList(), numbered(1, 1024)
	for range b.N {
		_ = l.Append(m, 1, 2)
	}
	b.SetBytes(1024)
	b.ReportAllocs()
	b.ResetTimer()
	_ = l.Read(0, func(*message.Message, uint64, uint64, int64) bool { return true })
}
