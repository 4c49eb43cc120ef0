import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import javax.jms.Connection;
import javax.jms.Destination;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;
import org.apache.activemq.transport.DefaultTransportListener;

/**
 * Producers and consumers of numbered messages that live through failovers.
 * Arguments are key=value: url, run (a name), messages, rate (sends a second
 * over all producers, 0 for no limit), mode (auto, dups, client, transacted,
 * durable: the consumers'; durable is auto on topics, and needs pairs), pairs (true: each producer has a queue and a consumer of its
 * own), times (a file for the times of the acknowledged sends).
 *
 * Prints READY, PROGRESS n while sending, SENT, and at the end LEDGER and BAD
 * lines. Each producer and each consumer has a connection of its own.
 */
public final class Ledger {
    static final int PRODUCERS = 4;
    static final int CONSUMERS = 4;
    private static final int PROGRESS_EVERY = 100;
    private static final long IDLE_LIMIT_MILLIS = 8_000;

    private final Map<String, String> args;
    private final int each;
    private final boolean pairs;
    private final String mode;
    private final ActiveMQConnectionFactory factory;
    private final LedgerBook book;
    private final List<Connection> connections = new ArrayList<>();

    private Ledger(Map<String, String> args) {
        this.args = args;
        each = Integer.parseInt(args.get("messages")) / PRODUCERS;
        pairs = Boolean.parseBoolean(args.get("pairs"));
        mode = args.getOrDefault("mode", "auto");
        factory = new ActiveMQConnectionFactory(args.get("url"));
        // with answered acknowledgements the client knows what the broker confirmed
        factory.setSendAcksAsync(!LedgerConsumer.confirms(mode));
        book = new LedgerBook(args.get("run"), PRODUCERS, each, 1024);
    }

    static Map<String, String> parse(String[] args) {
        Map<String, String> map = new HashMap<>();
        for (String arg : args) {
            int eq = arg.indexOf('=');
            map.put(arg.substring(0, eq), arg.substring(eq + 1));
        }
        return map;
    }

    public static void main(String[] args) throws Exception {
        new Ledger(parse(args)).run();
        System.exit(0);
    }

    private Destination queue(int i) {
        String name = "LEDGER." + args.get("run") + (pairs ? "." + i : "");
        return mode.equals("durable") ? new ActiveMQTopic(name) : new ActiveMQQueue(name);
    }

    private Connection connect() throws JMSException {
        return connect("");
    }

    /** A client id makes durable subscriptions possible. */
    private Connection connect(String clientID) throws JMSException {
        Connection connection = factory.createConnection();
        if (!clientID.isEmpty()) {
            connection.setClientID(clientID);
        }
        connection.start();
        connections.add(connection);
        return connection;
    }

    private void run() throws Exception {
        List<LedgerConsumer> consumers = new ArrayList<>();
        for (int c = 0; c < CONSUMERS; c++) {
            consumers.add(new LedgerConsumer(book, (ActiveMQConnection) connect(args.get("run") + c), queue(c), mode, "c" + c, pairs));
        }
        List<Thread> producers = new ArrayList<>();
        for (int p = 0; p < PRODUCERS; p++) {
            int number = p;
            Connection connection = connect();
            AtomicInteger interruptions = new AtomicInteger();
            ((ActiveMQConnection) connection).addTransportListener(new DefaultTransportListener() {
                @Override
                public void transportInterupted() {
                    interruptions.incrementAndGet();
                }
            });
            Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            MessageProducer producer = session.createProducer(queue(p));
            producers.add(new Thread(() -> produce(session, producer, number, interruptions), "producer " + p));
        }
        System.out.println("READY");
        consumers.forEach(Thread::start);
        producers.forEach(Thread::start);
        for (Thread producer : producers) {
            producer.join();
        }
        System.out.println("SENT");
        boolean confirms = LedgerConsumer.confirms(mode);
        while (!book.complete(confirms) && book.idleMillis() < IDLE_LIMIT_MILLIS) {
            Thread.sleep(50);
        }
        Thread.sleep(500); // a late duplicate would come now
        for (LedgerConsumer consumer : consumers) {
            consumer.finish();
        }
        for (Connection connection : connections) {
            connection.close();
        }
        drain();
        book.writeTimes(Path.of(args.get("times")));
        book.print(System.out, confirms);
    }

    private void produce(Session session, MessageProducer producer, int number, AtomicInteger interruptions) {
        long rate = Long.parseLong(args.getOrDefault("rate", "0"));
        long interval = rate == 0 ? 0 : PRODUCERS * 1_000_000_000L / rate;
        long start = System.nanoTime();
        for (int seq = 0; seq < each; seq++) {
            for (long early; (early = start + seq * interval - System.nanoTime()) > 0;) {
                LockSupport.parkNanos(early);
            }
            try {
                Message message = book.fill(session.createBytesMessage(), number, seq);
                book.attempt(number, seq);
                int before = interruptions.get();
                producer.send(message);
                if (interruptions.get() != before) {
                    book.resent(number, seq);
                }
                int acks = book.acked(number, seq);
                if (acks % PROGRESS_EVERY == 0) {
                    System.out.println("PROGRESS " + acks);
                }
            } catch (JMSException e) {
                System.out.println("SENDFAILED producer " + number + " seq " + seq + " " + e);
            }
        }
    }

    /** Takes what is left in the queues and in the dead letter queue. */
    private void drain() throws Exception {
        try (AutoClose closing = new AutoClose(factory.createConnection())) {
            closing.connection().start();
            Session session = closing.connection().createSession(false, Session.AUTO_ACKNOWLEDGE);
            for (int i = 0; i < (pairs ? CONSUMERS : 1); i++) {
                MessageConsumer consumer = session.createConsumer(queue(i));
                for (Message m = consumer.receive(500); m != null; m = consumer.receive(500)) {
                    book.left(m);
                }
                consumer.close();
            }
            MessageConsumer consumer = session.createConsumer(new ActiveMQQueue("ActiveMQ.DLQ"));
            for (Message m = consumer.receive(500); m != null; m = consumer.receive(500)) {
                if (book.isOurs(m)) {
                    book.dead(m);
                }
            }
        }
    }

    private record AutoClose(Connection connection) implements AutoCloseable {
        @Override
        public void close() throws JMSException {
            connection.close();
        }
    }
}
