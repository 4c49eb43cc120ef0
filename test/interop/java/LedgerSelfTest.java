import java.util.List;
import javax.jms.BytesMessage;
import javax.jms.JMSException;
import org.apache.activemq.command.ActiveMQBytesMessage;

/** Shows that the ledger notices what it is there for: each row below breaks one promise once. */
public final class LedgerSelfTest {
    private static final LedgerBook BOOK = new LedgerBook("self", 2, 20, 64);

    private LedgerSelfTest() {
    }

    public static void main(String[] args) throws Exception {
        for (int seq = 0; seq < 12; seq++) {
            BOOK.attempt(0, seq);
            BOOK.acked(0, seq);
        }
        BOOK.attempt(0, 12); // its send() threw: whether it arrives is open
        for (int seq = 0; seq < 8; seq++) {
            deliver(seq, 0);
        }
        // 8 to 11 are not delivered: 8 is lost, the others are accounted for
        BOOK.dead(message(0, 9, 0));
        BOOK.left(message(0, 10, 0));
        deliver(11, 1); // a first delivery may be flagged
        deliver(0, 1);
        deliver(1, 0); // a duplicate without the flag
        BOOK.attempt(0, 13);
        deliver(13, 1, 2000);
        deliver(13, 0, 1000); // the flagged one left later, and overtook it
        BOOK.attempt(0, 14);
        deliver(14, 1, 1000);
        deliver(14, 0, 2000); // no flag, though it left later
        BOOK.confirmed(List.of(message(0, 2, 0)));
        deliver(2, 1); // confirmed before
        BOOK.delivered(message(1, 3, 0), "c"); // numbers that were never sent
        BOOK.delivered(changed(), "c"); // and a body that was not
        BOOK.disorder(message(0, 4, 0), 5, "c");
        BOOK.print(System.out, false);
        System.exit(0);
    }

    private static BytesMessage message(int producer, int seq, int redeliveries) throws JMSException {
        ActiveMQBytesMessage message = new ActiveMQBytesMessage();
        BOOK.fill(message, producer, seq);
        message.reset();
        message.setRedeliveryCounter(redeliveries);
        return message;
    }

    private static BytesMessage changed() throws JMSException {
        ActiveMQBytesMessage message = new ActiveMQBytesMessage();
        BOOK.fill(message, 0, 5);
        message.writeByte((byte) 1);
        message.reset();
        return message;
    }

    private static void deliver(int seq, int redeliveries) throws JMSException {
        deliver(seq, redeliveries, 0);
    }

    private static void deliver(int seq, int redeliveries, long out) throws JMSException {
        BytesMessage message = message(0, seq, redeliveries);
        ((ActiveMQBytesMessage) message).setBrokerOutTime(out);
        BOOK.delivered(message, "c");
    }
}
