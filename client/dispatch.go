package client

import (
	"io"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// handler returns what the reader of l calls with every command. It is the
// only caller of the consumers' push for that link.
func (c *Conn) handler(l *link) handler {
	var last *Consumer // deliveries come in runs
	told := c.target.options.Transport.Command
	return func(h openwire.Header, cmd any) error {
		if told != nil {
			told(cmd)
		}
		switch cmd := cmd.(type) {
		case *message.Delivery:
			if last == nil || last.info.ID != cmd.Consumer {
				last = c.consumer(cmd.Consumer)
			}
			if last != nil {
				return last.push(l, cmd)
			}
		case *openwire.Response:
			c.respond(cmd.CorrelationID, answer{})
		case *openwire.ExceptionResponse:
			c.respond(cmd.CorrelationID, answer{err: remoteError(cmd.Exception)})
		case *openwire.DataResponse:
			c.respond(cmd.CorrelationID, answer{result: cmd})
		case *openwire.DataArrayResponse:
			c.respond(cmd.CorrelationID, answer{result: cmd})
		case *openwire.IntegerResponse:
			c.respond(cmd.CorrelationID, answer{result: cmd})
		default:
			return c.control(l, h, cmd)
		}
		return nil
	}
}

// control handles what is no answer and no delivery.
func (c *Conn) control(l *link, h openwire.Header, cmd any) error {
	switch cmd := cmd.(type) {
	case *openwire.KeepAlive:
		if h.ResponseRequired {
			return l.out.force(openwire.Header{}, &openwire.KeepAlive{})
		}
	case *openwire.BrokerInfo:
		c.introduce(cmd)
	case *openwire.ProducerAck:
		c.mu.Lock()
		p := c.producers[cmd.Producer]
		c.mu.Unlock()
		if p != nil {
			p.window.release(int64(cmd.Size))
		}
	case *openwire.ConsumerControl:
		if consumer := c.consumer(cmd.Consumer); consumer != nil {
			consumer.adjust(cmd)
		}
	case *openwire.ConnectionError:
		err := remoteError(cmd.Exception)
		c.log.Warn("the broker reports an error", "broker", l.endpoint.String(), "error", err)
		if c.target.options.OnError != nil {
			c.target.options.OnError(err)
		}
	case *openwire.ConnectionControl:
		return c.obey(cmd)
	case *openwire.Shutdown:
		return io.EOF
	}
	return nil // the rest concerns bridges and later versions
}

// introduce keeps what a broker says of itself.
func (c *Conn) introduce(info *openwire.BrokerInfo) {
	c.mu.Lock()
	c.broker = info
	c.mu.Unlock()
}

func (c *Conn) consumer(id message.ConsumerID) *Consumer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.consumers[id]
}
