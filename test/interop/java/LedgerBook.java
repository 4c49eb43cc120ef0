import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.jms.BytesMessage;
import javax.jms.JMSException;
import javax.jms.Message;
import org.apache.activemq.command.ActiveMQMessage;

/**
 * What was sent, delivered and confirmed, one entry for each numbered message.
 * All methods may be called from any thread; the monitor guards every field.
 */
final class LedgerBook {
    private static final int ATTEMPTED = 1;
    private static final int ACKED = 2; // send() or its commit returned
    private static final int SEEN = 4; // delivered to the application at least once
    private static final int CONFIRMED = 8; // its acknowledgement or commit returned
    private static final int DOUBT = 16; // consumed with an outcome that the client does not know
    private static final int DEAD = 32; // found in ActiveMQ.DLQ
    private static final int LEFT = 64; // found in its queue at the end
    private static final int RESENT = 128; // a failover happened during send()
    private static final int UNFLAGGED = 256; // delivered again without JMSRedelivered

    private static final int MAX_EXAMPLES = 20;

    private final String run;
    private final int size;
    private final short[][] entries;
    private final String[][] first; // where and when each message was first delivered
    private final long[][] flaggedOut; // when that left its broker if it was flagged, else 0
    private final long[] ackTimes; // microseconds of the wall clock, first acks entries valid
    private int acks;
    private int seen;
    private int flagged;
    private int unflagged;
    private int overtaken; // left a broker before the flagged delivery that came first
    private int again; // confirmed and delivered once more
    private int disorder;
    private int alien;
    private final Map<String, Integer> unflaggedBy = new TreeMap<>();
    private final List<String> examples = new ArrayList<>();
    private volatile long lastDelivery = System.nanoTime();

    LedgerBook(String run, int producers, int each, int size) {
        this.run = run;
        this.size = size;
        entries = new short[producers][each];
        first = new String[producers][each];
        flaggedOut = new long[producers][each];
        ackTimes = new long[producers * each];
    }

    /** Fills a message: its body depends on its numbers, so that any change shows. */
    BytesMessage fill(BytesMessage message, int producer, int seq) throws JMSException {
        message.setStringProperty("run", run);
        message.setIntProperty("producer", producer);
        message.setIntProperty("seq", seq);
        message.writeBytes(body(producer, seq));
        return message;
    }

    private byte[] body(int producer, int seq) {
        byte[] body = new byte[size];
        long x = producer * 0x9E3779B97F4A7C15L + seq * 0xBF58476D1CE4E5B9L + 1;
        for (int i = 0; i < size; i++) {
            x ^= x << 13;
            x ^= x >>> 7;
            x ^= x << 17;
            body[i] = (byte) x;
        }
        return body;
    }

    synchronized void attempt(int producer, int seq) {
        entries[producer][seq] |= ATTEMPTED;
    }

    synchronized int acked(int producer, int seq) {
        entries[producer][seq] |= ACKED;
        ackTimes[acks] = micros();
        return ++acks;
    }

    /** The send was under way during a failover, so the client sent it twice. */
    synchronized void resent(int producer, int seq) {
        entries[producer][seq] |= RESENT;
    }

    private static long micros() {
        java.time.Instant now = java.time.Instant.now();
        return now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
    }

    /** The producer's number, or -1 for a message that was never sent like this. */
    int producerOf(Message message) throws JMSException {
        if (!run.equals(message.getStringProperty("run")) || !(message instanceof BytesMessage bytes)) {
            return -1;
        }
        int producer = message.getIntProperty("producer");
        int seq = message.getIntProperty("seq");
        if (producer < 0 || producer >= entries.length || seq < 0 || seq >= entries[0].length) {
            return -1;
        }
        byte[] got = new byte[(int) bytes.getBodyLength()];
        bytes.readBytes(got);
        return Arrays.equals(got, body(producer, seq)) ? producer : -1;
    }

    boolean delivered(Message message, String consumer) throws JMSException {
        return delivered(message, consumer, "");
    }

    /**
     * Records a delivery to the application; false if the message is none of
     * ours. The owner is who delivered it, empty if that is not certain. The
     * later of two deliveries is the one that left a broker later: a client may
     * hand out what its old connection had received when others have received
     * the same from the next master.
     */
    boolean delivered(Message message, String consumer, String owner) throws JMSException {
        int producer = producerOf(message);
        boolean redelivered = message.getJMSRedelivered();
        lastDelivery = System.nanoTime();
        synchronized (this) {
            if (producer < 0 || (entries[producer][message.getIntProperty("seq")] & ATTEMPTED) == 0) {
                alien++;
                example("alien", message, consumer);
                return false;
            }
            int seq = message.getIntProperty("seq");
            int mark = 0;
            short before = entries[producer][seq];
            if ((before & SEEN) == 0) {
                seen++;
                flaggedOut[producer][seq] = redelivered ? ((ActiveMQMessage) message).getBrokerOutTime() : 0;
                first[producer][seq] = consumer + "@" + owner + (redelivered ? " flagged " : " ") + micros() / 1000;
            } else if (redelivered) {
                flagged++;
            } else if (outTime(message) < flaggedOut[producer][seq]) {
                overtaken++;
            } else {
                unflagged++;
                unflaggedBy.merge(owner, 1, Integer::sum);
                mark = UNFLAGGED;
                example("unflagged duplicate, first at " + first[producer][seq], message, consumer + "@" + owner);
            }
            if ((before & CONFIRMED) != 0) {
                again++;
                example("confirmed and delivered again, first at " + first[producer][seq], message, consumer + "@" + owner);
            }
            entries[producer][seq] |= (short) (SEEN | mark);
            return true;
        }
    }

    /** When a message left its broker, milliseconds, or a time that is later than any. */
    private static long outTime(Message message) {
        long out = ((ActiveMQMessage) message).getBrokerOutTime();
        return out == 0 ? Long.MAX_VALUE : out;
    }

    private void example(String what, Message message, String consumer) throws JMSException {
        if (examples.size() < MAX_EXAMPLES) {
            examples.add(what + ": producer " + message.getObjectProperty("producer") + " seq "
                + message.getObjectProperty("seq") + " at " + consumer + " " + micros() / 1000 + " count "
                + message.getObjectProperty("JMSXDeliveryCount") + " " + message.getJMSMessageID());
        }
    }

    synchronized void disorder(Message message, int last, String consumer) throws JMSException {
        disorder++;
        example("order, after " + last, message, consumer);
    }

    void confirmed(List<Message> messages) throws JMSException {
        mark(messages, CONFIRMED);
    }

    void inDoubt(List<Message> messages) throws JMSException {
        mark(messages, DOUBT);
    }

    void dead(Message message) throws JMSException {
        mark(List.of(message), DEAD);
    }

    void left(Message message) throws JMSException {
        mark(List.of(message), LEFT);
    }

    private synchronized void mark(List<Message> messages, int bit) throws JMSException {
        for (Message message : messages) {
            entries[message.getIntProperty("producer")][message.getIntProperty("seq")] |= (short) bit;
        }
    }

    boolean isOurs(Message message) throws JMSException {
        return run.equals(message.getStringProperty("run"));
    }

    /** Whether every acknowledged message was consumed, by this mode's idea of it. */
    synchronized boolean complete(boolean confirms) {
        return count(ACKED, missing(confirms)) == 0;
    }

    private static int missing(boolean confirms) {
        return confirms ? CONFIRMED | DOUBT : SEEN;
    }

    long idleMillis() {
        return (System.nanoTime() - lastDelivery) / 1_000_000;
    }

    /** How many entries have all bits of with and none of without. */
    private int count(int with, int without) {
        int n = 0;
        for (short[] row : entries) {
            for (short e : row) {
                if ((e & with) == with && (e & without) == 0) {
                    n++;
                }
            }
        }
        return n;
    }

    synchronized void print(PrintStream out, boolean confirms) {
        int missing = missing(confirms);
        out.println("LEDGER attempted=" + count(ATTEMPTED, 0) + " acked=" + acks
            + " unacked=" + count(ATTEMPTED, ACKED) + " seen=" + seen
            + " lost=" + count(ACKED, missing | DEAD | LEFT)
            + " flagged=" + flagged + " unflagged=" + unflagged + " overtaken=" + overtaken + " unflagged_resent=" + count(UNFLAGGED | RESENT, 0) + " again=" + again
            + " disorder=" + disorder + " alien=" + alien
            + " dead=" + count(DEAD, 0) + " dead_only=" + count(DEAD, missing) + " left=" + count(LEFT, missing));
        unflaggedBy.forEach((owner, n) -> out.println("UNFLAGGED by=" + owner + " n=" + n));
        for (String example : examples) {
            out.println("BAD " + example);
        }
        int shown = 0;
        for (int p = 0; p < entries.length; p++) {
            for (int s = 0; s < entries[p].length && shown < MAX_EXAMPLES; s++) {
                if ((entries[p][s] & ACKED) != 0 && (entries[p][s] & (missing | DEAD | LEFT)) == 0) {
                    shown++;
                    out.println("BAD lost: producer " + p + " seq " + s + " seen " + ((entries[p][s] & SEEN) != 0));
                }
            }
        }
    }

    /** Writes the times of all acknowledged sends, ascending, one a line. */
    synchronized void writeTimes(Path file) throws IOException {
        long[] times = Arrays.copyOf(ackTimes, acks);
        Arrays.sort(times);
        List<String> lines = new ArrayList<>(acks);
        for (long time : times) {
            lines.add(Long.toString(time));
        }
        Files.write(file, lines);
    }
}
