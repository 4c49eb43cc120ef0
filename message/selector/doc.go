// Package selector parses JMS message selectors and applies them to messages,
// in the dialect of ActiveMQ's SelectorParser.jj and org.apache.activemq.filter.
//
// A selector is a condition in a subset of SQL-92 over a message's headers and
// properties, with SQL's three truth values: a condition on a property that the
// message does not have is unknown, and only a selector that is true selects.
//
//	JMSPriority > 4 AND (region IN ('north', 'east') OR weight BETWEEN 2 AND 3.5)
//
// Points of the dialect that JMS leaves open, or that ActiveMQ decides in its
// own way, and which hold here too:
//
//   - NOT binds as tightly as a sign: "NOT a = 1" is "(NOT a) = 1".
//   - "a = b" is true if the message has neither, and "1 = a" is false, not
//     unknown, if it has no a.
//   - Values of different types are never equal and never ordered, but for
//     numbers. Strings and booleans can be ordered between properties.
//   - "+" joins strings; "/" and "%" always give a floating-point number.
//   - JMSDeliveryMode is 'PERSISTENT' or 'NON_PERSISTENT'.
//   - A line comment needs the end of its line.
//   - The functions REGEX, REPLACE, SPLIT, MAKELIST and INLIST. Their patterns
//     are RE2's: no look-around and no back-references.
//
// Where ActiveMQ's evaluation throws (arithmetic on a boolean, the negation of
// a short, or a double compared with a float), the result is unknown or what
// the numbers say. Integers compare by value in both directions; ActiveMQ
// finds 5 = b false for a byte b of 5, and b = 5 true. XPATH and XQUERY are
// refused.
//
// A text may begin with prefixes: "convert_string_expressions:" compares a
// string with a number by reading the string as one;
// "no_convert_string_expressions:" does not, which is the default;
// "hyphenated_props:" admits hyphens within identifiers.
//
// A [Selector] is immutable and safe for concurrent use. The package has no
// goroutine, no lock and no state.
package selector
