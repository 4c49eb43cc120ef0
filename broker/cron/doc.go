// Package cron computes when an entry such as "0 12 * * 1-5" is due next, as
// ActiveMQ's CronParser does: five fields, minutes, hours, day of month, month
// and day of week, each "*", "?", a number, a range "a-b", a list "a,b" or one
// of these with a step "a-b/n", which takes the values that n divides. There
// are no names of months or days.
//
// Where both days are restricted the result is ActiveMQ's: the nearest day
// that matches one of them, moved on once more if it does not match the other.
// An entry that no date fulfils has an error here; ActiveMQ makes up a date.
package cron
