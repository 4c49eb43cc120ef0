package selector

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestErrorsSayWhere(t *testing.T) {
	for text, want := range map[string]SyntaxError{
		"":                               {Offset: 0, Reason: "end where a value is wanted"},
		"a = ":                           {Offset: 4, Reason: "end where a value is wanted"},
		"a = 1 b":                        {Offset: 6, Reason: `"b" where an operator or the end is wanted`},
		"a = 'open":                      {Offset: 4, Reason: "string without an end"},
		"a == 1":                         {Offset: 3, Reason: `"=" where a value is wanted`},
		"a # 1":                          {Offset: 2, Reason: `"#" where an operator or the end is wanted`},
		"(a = 1":                         {Offset: 6, Reason: "end where ) is wanted"},
		"a IN ('x', 5)":                  {Offset: 11, Reason: `"5" where a string is wanted`},
		"b AND 5":                        {Offset: 6, Reason: "an expression that is not a condition"},
		"a = NULL":                       {Offset: 4, Reason: "NULL cannot be compared; use IS NULL"},
		"a > 'x'":                        {Offset: 4, Reason: "a value without an order is compared"},
		"'x' IN ('x')":                   {Offset: 0, Reason: "IN after something that is not an identifier"},
		"a LIKE 'x' ESCAPE ''":           {Offset: 18, Reason: "ESCAPE takes one character"},
		"a = 1 OR XPATH '//a'":           {Offset: 9, Reason: "XPATH is not supported: select by properties instead"},
		"NO('a')":                        {Offset: 0, Reason: `there is no function "NO"`},
		"REGEX('a')":                     {Offset: 0, Reason: "REGEX does not take 1 arguments"},
		"REGEX('(', a)":                  {Offset: 0, Reason: `REGEX takes no pattern "("`},
		"a = 0x10000000000000000":        {Offset: 4, Reason: "number 0x10000000000000000 is out of range"},
		"convert_string_expressions:a =": {Offset: 30, Reason: "end where a value is wanted"},
	} {
		want.Text = text
		_, err := Parse(text)
		require.ErrorIs(t, err, ErrInvalid, text)
		var got *SyntaxError
		require.True(t, errors.As(err, &got))
		require.Equal(t, want, *got)
		require.ErrorContains(t, err, want.Reason)
	}
}

func TestBounds(t *testing.T) {
	for name, text := range map[string]string{
		"nesting":  strings.Repeat("(", 100_000) + "a" + strings.Repeat(")", 100_000),
		"not":      strings.Repeat("NOT ", 10_000) + "a",
		"signs":    "a = " + strings.Repeat("-", 10_000) + "1",
		"sum":      "a = 1" + strings.Repeat(" + 1", 10_000),
		"product":  "a = 1" + strings.Repeat(" * 1", 10_000),
		"equality": "a" + strings.Repeat(" = a", 10_000),
		"like":     "a" + strings.Repeat(" LIKE 'x'", 10_000),
		"calls":    strings.Repeat("INLIST(", 10_000) + "a",
		"length":   "a = '" + strings.Repeat("x", MaxLength) + "'",
		"digits":   "a = 1" + strings.Repeat("0", 10_000),
	} {
		_, err := Parse(text)
		require.ErrorIs(t, err, ErrInvalid, name)
		require.Less(t, len(err.Error()), 2000, name)
	}
	// Chains of AND and OR and lists of IN are not nested.
	env := Of(sample(t))
	s, err := Parse("no" + strings.Repeat(" OR no", 20_000) + " OR name IN ('x'" + strings.Repeat(",'x'", 20_000) + ",'James')")
	require.NoError(t, err)
	require.True(t, s.Matches(env))
	s, err = Parse(strings.Repeat("(", 300) + "yes" + strings.Repeat(")", 300))
	require.NoError(t, err)
	require.True(t, s.Matches(env))
}

// A sum of strings could double with every level.
func TestTextIsBounded(t *testing.T) {
	text := "name"
	for range 14 {
		text = "(" + text + " + " + text + ")"
	}
	s, err := Parse("(REPLACE(" + text + ", 'J', 'a very long replacement for one letter, and more, and more, and more, and more')) IS NULL")
	require.NoError(t, err)
	require.True(t, s.Matches(Of(sample(t))))
}

func TestDamagedPropertiesSelectNothing(t *testing.T) {
	m := sample(t)
	m.Properties = m.Properties[:len(m.Properties)-3]
	for _, text := range []string{"absent IS NULL", "absent IS NOT NULL", "NOT (absent = 1)", "1 <> absent",
		"absent = absent", "absent + 1 = 2", "(absent + 1) IS NULL", "(-absent) IS NULL"} {
		s, err := Parse(text)
		require.NoError(t, err)
		require.False(t, s.Matches(Of(m)), text)
	}
	s, err := Parse("JMSPriority = 7 AND yes")
	require.NoError(t, err)
	require.True(t, s.Matches(Of(m)), "what stands before the damage can be read")
}

func TestAbsentHeadersAreNull(t *testing.T) {
	env := Of(&message.Message{})
	for _, name := range []string{"JMSDestination", "JMSReplyTo", "JMSType", "JMSMessageID", "JMSCorrelationID",
		"JMSXGroupID", "JMSXUserID", "JMSXProducerTXID", "anything"} {
		s, err := Parse(name + " IS NULL")
		require.NoError(t, err)
		require.True(t, s.Matches(env), name)
	}
	s, err := Parse("JMSType = '' AND JMSCorrelationID = '' AND JMSXGroupID = '' AND JMSXUserID = ''")
	require.NoError(t, err)
	require.False(t, s.Matches(env))
	blanks := message.BlankType | message.BlankCorrelationID | message.BlankGroupID | message.BlankUserID
	require.True(t, s.Matches(Of(&message.Message{Blanks: blanks})))
}

func TestHeadersOfADelivery(t *testing.T) {
	m := sample(t)
	s, err := Parse("JMSRedelivered = FALSE AND JMSXDeliveryCount = 1")
	require.NoError(t, err)
	require.True(t, s.Matches(Env{Message: m}))
	require.False(t, s.Matches(Of(m)))

	m.OriginalDestination = message.NewTopic("VirtualTopic.Orders")
	m.OriginalTransaction = message.TransactionID{Connection: "ID:o-1", Value: 1}
	m.UserID = ""
	m.Properties, err = message.AppendProperties(nil, message.Properties{{Name: "JMSXUserID", Value: "bob"}})
	require.NoError(t, err)
	s, err = Parse("JMSDestination = 'topic://VirtualTopic.Orders' AND JMSXProducerTXID = 'TX:ID:o-1:1' AND JMSXUserID = 'bob'")
	require.NoError(t, err)
	require.True(t, s.Matches(Of(m)))
}

// LIKE against the regular expression that says the same.
func TestLikeAgainstRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.RuneFrom([]rune("ab_%é😀")), 0, 12, -1).Draw(t, "pattern")
		s := rapid.StringOfN(rapid.RuneFrom([]rune("abé😀\n")), 0, 16, -1).Draw(t, "s")
		var re strings.Builder
		re.WriteString(`(?s)\A`)
		for _, r := range pattern {
			switch r {
			case '%':
				re.WriteString(".*")
			case '_':
				re.WriteString(".")
			default:
				re.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
		re.WriteString(`\z`)
		want := regexp.MustCompile(re.String()).MatchString(s)
		got := newLike(constant{stringValue(s)}, pattern, noEscape).test(Env{})
		require.Equal(t, truthOf(want), got)
	})
}

func TestLikeIsNotExponential(t *testing.T) {
	began := time.Now()
	l := newLike(constant{stringValue(strings.Repeat("a", 100_000))}, strings.Repeat("%_a", 200)+"b", noEscape)
	require.Equal(t, no, l.test(Env{}))
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestSplitAndTemplates(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		limit      int
		want       string
	}{
		{",", "a,b,,c,,", 0, "[a, b, , c]"},
		{",", "a,b,,c,,", -1, "[a, b, , c, , ]"},
		{",", "a,b,c", 2, "[a, b,c]"},
		{",", "a,b,c", 1, "[a,b,c]"},
		{",", "", 0, "[]"},
		{",", ",a", 0, "[, a]"},
		{"", "abc", 0, "[a, b, c]"},
		{"x", "abc", 0, "[abc]"},
	} {
		got := value{kind: listKind, list: splitJava(regexp.MustCompile(c.pattern), c.s, c.limit)}
		require.Equal(t, c.want, got.String(), "%q", c)
	}
	for java, want := range map[string]string{
		"a": "a", "$1": "${1}", "$12": "${1}2", "$0x": "${0}x", `\$1`: "$$1", `\\`: `\`, `\a`: "a",
	} {
		got, ok := goTemplate(java, 2)
		require.True(t, ok, java)
		require.Equal(t, want, got)
	}
	for _, java := range []string{"$", "$3", "$a", `a\`} {
		_, ok := goTemplate(java, 2)
		require.False(t, ok, java)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a = 1 AND b <> 'x''y' OR NOT c", "a BETWEEN 1 AND 2.5e3 -- c\n", "a NOT IN ('x', 'y') /* c */",
		"a LIKE '%_!%' ESCAPE '!'", "-a * (b + 0x1F) / .5 % 07 >= 9223372036854775808", "a IS NOT NULL",
		"REGEX('a+', REPLACE(a, 'b', '$0')) OR INLIST(SPLIT(a, ',', 2), b)", "convert_string_expressions:a = '1'",
		"hyphenated_props:a-b = TRUE",
	} {
		f.Add(seed)
	}
	env := Of(sample(f))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalid)
			return
		}
		require.Equal(t, s.Matches(env), s.Matches(env))
		// Only with the end of the line is what follows "--" a comment.
		whole, err := Parse(text + "\n")
		if err != nil {
			return
		}
		negated, err := Parse("NOT (" + text + "\n)")
		if err == nil {
			require.False(t, whole.Matches(env) && negated.Matches(env), "true and not true")
		}
	})
}

func BenchmarkMatches(b *testing.B) {
	for name, text := range map[string]string{
		"header":   "JMSPriority > 4",
		"integer":  "i = 123",
		"string":   "name = 'James'",
		"in":       "name IN ('a','b','c','d','e','f','g','h','i','j','James')",
		"like":     "path LIKE 'a/%d'",
		"compound": "JMSPriority > 4 AND (name IN ('Bob', 'James') OR d BETWEEN 2 AND 3.5) AND absent IS NULL",
	} {
		b.Run(name, func(b *testing.B) {
			s, err := Parse(text)
			require.NoError(b, err)
			env := Of(sample(b))
			b.ReportAllocs()
			for b.Loop() {
				if !s.Matches(env) {
					b.Fatal("no match")
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("JMSPriority > 4 AND (name IN ('Bob', 'James') OR d BETWEEN 2 AND 3.5)"); err != nil {
			b.Fatal(err)
		}
	}
}
