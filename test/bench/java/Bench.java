import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import javax.jms.BytesMessage;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.JMSException;
import javax.jms.MessageProducer;
import javax.jms.Session;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.command.ActiveMQDestination;

/**
 * A load generator on the unmodified client. Arguments are key=value: url,
 * destination ("queue://…" or "topic://…"), producers, consumers, size (bytes
 * of a body), persistent, async (persistent messages are sent without waiting),
 * batch and consumerBatch (messages a transaction, 0 none and automatic
 * acknowledgement), warmupMillis, durationMillis, drain (consumers end when
 * they have received this many messages, which are there already).
 *
 * Prints one line: RESULT messages= seconds= p50us= p99us=. Messages are those
 * received where there are consumers, else those sent; the times are a
 * message's way, or that of a send or of a transaction. Each producer and each
 * consumer has a connection of its own and one thread.
 */
public final class Bench {
    /** How far producers may run ahead of consumers, as the Go generator lets them. */
    private static final long MAX_AHEAD = 10_000;
    private static final int PACE_EVERY = 16;

    private final Map<String, String> args;
    private final Destination destination;
    private final ActiveMQConnectionFactory factory;
    private final Meter[] producers;
    private final Meter[] consumers;
    private final int copies;
    private volatile Throwable failure;

    private Bench(Map<String, String> args) {
        this.args = args;
        destination = ActiveMQDestination.createDestination(args.get("destination"), ActiveMQDestination.QUEUE_TYPE);
        factory = new ActiveMQConnectionFactory(args.get("url"));
        factory.setUseAsyncSend(Boolean.parseBoolean(args.get("async")));
        factory.setWatchTopicAdvisories(false); // it would be half of the traffic of a start
        producers = Meter.several(number("producers"));
        consumers = Meter.several(number("consumers"));
        copies = ((ActiveMQDestination) destination).isTopic() ? consumers.length : 1;
    }

    public static void main(String[] argv) throws Exception {
        Map<String, String> args = new HashMap<>();
        for (String arg : argv) {
            int eq = arg.indexOf('=');
            args.put(arg.substring(0, eq), arg.substring(eq + 1));
        }
        new Bench(args).run();
        System.exit(0); // connections and threads end with the process
    }

    private int number(String key) {
        return Integer.parseInt(args.get(key));
    }

    private void run() throws Exception {
        for (Meter meter : consumers) {
            consume(meter);
        }
        long drain = Long.parseLong(args.getOrDefault("drain", "0"));
        if (drain > 0) {
            drain(drain);
            return;
        }
        List<Thread> threads = new ArrayList<>();
        for (Meter meter : producers) {
            threads.add(producer(meter));
        }
        threads.forEach(Thread::start);
        observe(consumers.length > 0 ? consumers : producers);
    }

    private Connection connect() throws JMSException {
        Connection connection = factory.createConnection();
        connection.setExceptionListener(e -> failure = e);
        connection.start();
        return connection;
    }

    // --- producers

    private Thread producer(Meter meter) throws JMSException {
        int batch = number("batch");
        Session session = connect().createSession(batch > 0, batch > 0 ? Session.SESSION_TRANSACTED : Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(destination);
        producer.setDeliveryMode(Boolean.parseBoolean(args.get("persistent")) ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT);
        return new Thread(() -> {
            try {
                produce(session, producer, meter, batch);
            } catch (JMSException e) {
                failure = e;
            }
        });
    }

    private void produce(Session session, MessageProducer producer, Meter meter, int batch) throws JMSException {
        byte[] body = new byte[number("size")];
        long begun = System.nanoTime();
        for (long n = 1;; n++) {
            if (consumers.length > 0 && n % PACE_EVERY == 0) {
                pace();
            }
            if (batch == 0) {
                begun = System.nanoTime();
            }
            if (body.length >= Long.BYTES) {
                ByteBuffer.wrap(body).putLong(System.nanoTime());
            }
            BytesMessage message = session.createBytesMessage();
            message.writeBytes(body);
            producer.send(message);
            if (batch == 0) {
                meter.count(1, System.nanoTime() - begun);
            } else if (n % batch == 0) {
                session.commit();
                long now = System.nanoTime();
                meter.count(batch, now - begun);
                begun = now;
            }
        }
    }

    private void pace() {
        while (Meter.total(producers) * copies - Meter.total(consumers) > MAX_AHEAD * copies) {
            LockSupport.parkNanos(50_000);
        }
    }

    // --- consumers

    private void consume(Meter meter) throws JMSException {
        int batch = number("consumerBatch");
        boolean stamped = !args.containsKey("drain") || args.get("drain").equals("0");
        Session session = connect().createSession(batch > 0, batch > 0 ? Session.SESSION_TRANSACTED : Session.AUTO_ACKNOWLEDGE);
        int[] pending = {0};
        session.createConsumer(destination).setMessageListener(m -> {
            try {
                meter.count(1, stamped ? age((BytesMessage) m) : 0);
                if (batch > 0 && ++pending[0] == batch) {
                    pending[0] = 0;
                    session.commit();
                }
            } catch (JMSException e) {
                failure = e;
            }
        });
    }

    private static long age(BytesMessage message) throws JMSException {
        return message.getBodyLength() < Long.BYTES ? 0 : System.nanoTime() - message.readLong();
    }

    // --- measuring

    private void observe(Meter[] counted) throws Exception {
        sleep(number("warmupMillis"));
        for (Meter meter : counted) {
            meter.record = true;
        }
        long from = Meter.total(counted);
        long start = System.nanoTime();
        sleep(number("durationMillis"));
        long messages = Meter.total(counted) - from;
        long took = System.nanoTime() - start;
        for (Meter meter : counted) {
            meter.record = false;
        }
        print(messages, took, counted);
    }

    private void sleep(long millis) throws Exception {
        long until = System.nanoTime() + millis * 1_000_000;
        for (long left; (left = until - System.nanoTime()) > 0;) {
            LockSupport.parkNanos(Math.min(left, 20_000_000));
            check();
        }
    }

    private void check() throws Exception {
        if (failure != null) {
            throw new Exception("the load failed", failure);
        }
    }

    /** Times the middle: not the first tenth, while consumers begin, nor the last twentieth, when some are done. */
    private void drain(long all) throws Exception {
        long from = all / 10;
        long to = all - all / 20;
        long start = 0;
        long first = 0;
        for (;;) {
            long n = Meter.total(consumers);
            if (start == 0 && n >= from) {
                start = System.nanoTime();
                first = n;
            }
            if (n >= to) {
                print(n - first, System.nanoTime() - start, consumers);
                return;
            }
            sleep(1);
        }
    }

    private static void print(long messages, long nanos, Meter[] counted) {
        System.out.printf("RESULT messages=%d seconds=%.6f p50us=%d p99us=%d%n", messages, nanos / 1e9,
            Meter.quantile(counted, 0.50) / 1000, Meter.quantile(counted, 0.99) / 1000);
    }
}
