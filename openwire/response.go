package openwire

import "github.com/conclavemq/conclave/message"

// Response says that the command of that id is done. (ActiveMQ: Response)
type Response struct{ CorrelationID int32 }

// ExceptionResponse says that a command failed. (ActiveMQ: ExceptionResponse)
type ExceptionResponse struct {
	CorrelationID int32
	Exception     *message.Throwable
}

// DataResponse answers with an object: nil, a pointer to a command, or an
// identifier or destination by value. (ActiveMQ: DataResponse)
type DataResponse struct {
	CorrelationID int32
	Data          any
}

// DataArrayResponse answers with objects as in DataResponse; nil is null.
// (ActiveMQ: DataArrayResponse)
type DataArrayResponse struct {
	CorrelationID int32
	Data          []any
}

// IntegerResponse answers with a number. (ActiveMQ: IntegerResponse)
type IntegerResponse struct {
	CorrelationID int32
	Result        int32
}

func (r *Response) walk(w *wire) {
	w.command()
	w.int32(&r.CorrelationID)
}

func (r *ExceptionResponse) walk(w *wire) {
	w.command()
	w.int32(&r.CorrelationID)
	w.throwable(&r.Exception)
}

func (r *DataResponse) walk(w *wire) {
	w.command()
	w.int32(&r.CorrelationID)
	w.object(&r.Data)
}

func (r *DataArrayResponse) walk(w *wire) {
	w.command()
	w.int32(&r.CorrelationID)
	n, present := w.count(len(r.Data), r.Data != nil)
	if w.reading() && present {
		r.Data = make([]any, 0, min(n, 16))
	}
	for i := 0; i < n && w.err == nil; i++ {
		if w.reading() {
			r.Data = append(r.Data, nil)
		}
		w.object(&r.Data[i])
	}
}

func (r *IntegerResponse) walk(w *wire) {
	w.command()
	w.int32(&r.CorrelationID)
	w.int32(&r.Result)
}
