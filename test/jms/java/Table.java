import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.ActiveMQSession;

/**
 * One row for each acknowledge mode, transacted sends or not, persistent or
 * not, and kind of destination: {@code Table <failover URL>}. All rows run at
 * once. It prints READY when each has sent and consumed, reads a line when the
 * master has been killed and the other serves, and prints {@code ROW name} or
 * {@code BAD name reason} for each row, then DONE.
 */
public final class Table {
    private static final int BATCH = 4;
    /** How long to wait for a message that may be lost, ms. */
    private static final long PATIENCE = 1_500;
    private static final int ROUNDS_BEFORE = 3;
    private static final int ROUNDS_AFTER = 3;
    private static final int TRIES = 20;

    private static final Map<String, Integer> MODES = new LinkedHashMap<>();
    private static CountDownLatch ready;
    private static final CountDownLatch killed = new CountDownLatch(1);

    static {
        MODES.put("auto", Session.AUTO_ACKNOWLEDGE);
        MODES.put("dups", Session.DUPS_OK_ACKNOWLEDGE);
        MODES.put("client", Session.CLIENT_ACKNOWLEDGE);
        MODES.put("individual", ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE);
        MODES.put("transacted", Session.SESSION_TRANSACTED);
    }

    private final String name;
    private final int mode;
    private final boolean transactedSends;
    private final boolean persistent;
    private final String kind;

    private Session sends;
    private Session receives;
    private MessageProducer producer;
    private MessageConsumer consumer;
    private int next;
    private final Set<Integer> confirmed = new TreeSet<>();
    private final Set<Integer> received = new HashSet<>();
    private int lastReceived = -1;

    private Table(String modeName, boolean transactedSends, boolean persistent, String kind) {
        this.name = modeName + "/" + (transactedSends ? "transacted sends" : "sends") + "/" + (persistent ? "persistent" : "transient") + "/" + kind;
        this.mode = MODES.get(modeName);
        this.transactedSends = transactedSends;
        this.persistent = persistent;
        this.kind = kind;
    }

    public static void main(String[] args) throws Exception {
        List<Table> rows = new ArrayList<>();
        for (String mode : MODES.keySet()) {
            for (boolean transacted : new boolean[] {false, true}) {
                for (boolean persistent : new boolean[] {true, false}) {
                    for (String kind : new String[] {"queue", "topic", "durable", "temporary"}) {
                        rows.add(new Table(mode, transacted, persistent, kind));
                    }
                }
            }
        }
        ready = new CountDownLatch(rows.size());
        List<Thread> threads = new ArrayList<>();
        for (Table row : rows) {
            Thread thread = new Thread(() -> row.report(args[0]));
            thread.setDaemon(true);
            thread.start();
            threads.add(thread);
        }
        ready.await();
        System.out.println("READY");
        new BufferedReader(new InputStreamReader(System.in)).readLine();
        killed.countDown();
        for (Thread thread : threads) {
            thread.join();
        }
        System.out.println("DONE");
        System.exit(0);
    }

    private void report(String url) {
        String line;
        try {
            run(url);
            line = "ROW " + name;
        } catch (Throwable e) {
            StackTraceElement at = e.getStackTrace().length > 0 ? e.getStackTrace()[0] : null;
            line = "BAD " + name + " " + String.valueOf(e).replace('\n', ' ') + " at " + at;
        }
        ready.countDown();
        System.out.println(line);
    }

    private void run(String url) throws Exception {
        ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(url
            + "&jms.watchTopicAdvisories=false&jms.prefetchPolicy.all=20&jms.redeliveryPolicy.initialRedeliveryDelay=10&jms.redeliveryPolicy.maximumRedeliveries=-1");
        ActiveMQConnection connection = (ActiveMQConnection) factory.createConnection();
        connection.setClientID("table " + name);
        connection.start();
        sends = connection.createSession(transactedSends, transactedSends ? Session.SESSION_TRANSACTED : Session.AUTO_ACKNOWLEDGE);
        receives = connection.createSession(mode == Session.SESSION_TRANSACTED, mode);
        Destination to = destination();
        consumer = kind.equals("durable") ? receives.createDurableSubscriber((Topic) to, "table") : receives.createConsumer(to);
        producer = sends.createProducer(to);
        producer.setDeliveryMode(persistent ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT);
        for (int i = 0; i < ROUNDS_BEFORE; i++) {
            round(20_000);
        }
        ready.countDown();
        while (killed.getCount() > 0) {
            round(PATIENCE);
        }
        for (int i = 0; i < ROUNDS_AFTER; i++) {
            round(PATIENCE);
        }
        goOn();
        while (take(1, PATIENCE) > 0) {
            // what is left
        }
        check();
        new Thread(() -> {
            try {
                connection.close();
            } catch (JMSException e) {
                // the row is over
            }
        }).start();
    }

    private Destination destination() throws JMSException {
        String physical = "TABLE." + name.replace('/', '.').replace(' ', '_');
        switch (kind) {
            case "queue":
                return sends.createQueue(physical);
            case "temporary":
                return sends.createTemporaryQueue();
            default:
                return sends.createTopic(physical);
        }
    }

    private void round(long patience) throws JMSException {
        send();
        take(BATCH, patience);
    }

    private void send() throws JMSException {
        List<Integer> batch = new ArrayList<>();
        try {
            for (int i = 0; i < BATCH; i++) {
                int n = next++;
                producer.send(sends.createTextMessage(Integer.toString(n)));
                batch.add(n);
            }
            if (transactedSends) {
                sends.commit();
            }
            confirmed.addAll(batch);
        } catch (JMSException e) {
            if (!transactedSends) {
                throw e; // the client has to hide the failover
            }
            undo(sends);
        }
    }

    /** Receives up to so many messages and acknowledges them; it returns how many came. */
    private int take(int most, long patience) throws JMSException {
        List<Integer> batch = new ArrayList<>();
        Message last = null;
        int got = 0;
        for (; got < most; got++) {
            Message message = consumer.receive(patience);
            if (message == null) {
                break;
            }
            int n = Integer.parseInt(((TextMessage) message).getText());
            if (n >= next) {
                throw new AssertionError(n + " was never sent");
            }
            if (!received.add(n) && !message.getJMSRedelivered()) {
                throw new AssertionError(n + " came twice, the second time not as redelivered");
            }
            lastReceived = Math.max(lastReceived, n);
            batch.add(n);
            last = message;
            if (mode == ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE) {
                acknowledge(message);
            }
        }
        if (last != null && mode == Session.CLIENT_ACKNOWLEDGE) {
            acknowledge(last);
        }
        if (mode == Session.SESSION_TRANSACTED && last != null) {
            try {
                receives.commit();
            } catch (JMSException e) {
                undo(receives); // it may have been committed: then nothing comes again
            }
        }
        return got;
    }

    private static void acknowledge(Message message) {
        try {
            message.acknowledge();
        } catch (JMSException e) {
            // it comes again
        }
    }

    private static void undo(Session session) {
        try {
            session.rollback();
        } catch (JMSException e) {
            // it is rolled back already
        }
    }

    /** What is sent after the failover arrives, whatever may have been lost in it. */
    private void goOn() throws JMSException {
        int from = next;
        for (int i = 0; i < TRIES && lastReceived < from; i++) {
            send();
            take(BATCH, PATIENCE);
        }
        if (lastReceived < from) {
            throw new AssertionError("nothing comes after the failover");
        }
    }

    private void check() {
        if (!persistent || !kind.equals("queue") && !kind.equals("durable")) {
            return; // these may be lost
        }
        Set<Integer> lost = new TreeSet<>(confirmed);
        lost.removeAll(received);
        if (!lost.isEmpty()) {
            throw new AssertionError("lost: " + lost);
        }
    }
}
