// Package postgres runs private PostgreSQL servers for tests, from the
// programs of Debian's postgresql package, on loopback and as a user that is
// not root. A server has a superuser with a password, which connections over
// TCP have to give. It may be stopped, killed and started again on the same
// port and data, have standbys, and dies with the test that started it.
package postgres
