package openwire

// volley counts acknowledgements that have come together. Each may have the
// broker deliver another message, which would wake the writer for that one; so
// it is woken when the last of them has been handled, and writes all at once.
// The next is there already and none wants an answer, so that what is gathered
// waits for no more than their handling. The reader alone uses it.
type volley int

// mostVolley is how many acknowledgements keep the writer waiting.
const mostVolley = 64

// begin is called before an acknowledgement is handled; more says that the next
// frame has come.
func (v *volley) begin(out *outbound, more bool) {
	if more && *v == 0 {
		*v = 1
		out.hold()
	}
}

// done is called after it.
func (v *volley) done(out *outbound, more bool) {
	if *v > 0 {
		*v++
	}
	if !more || *v > mostVolley {
		v.end(out)
	}
}

// end is called before anything else is handled, or waited for.
func (v *volley) end(out *outbound) {
	if *v > 0 {
		*v = 0
		out.letGo()
	}
}
