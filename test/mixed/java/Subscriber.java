import java.util.BitSet;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.command.ActiveMQMessage;
import org.apache.activemq.command.ActiveMQTopic;
import org.apache.activemq.transport.DefaultTransportListener;

/**
 * Numbered messages to a topic with a durable subscription, through failovers.
 * Arguments are key=value: url, run, pause (ms between sends). Sends until a
 * line comes on standard input. Prints READY, PROGRESS n, and at the end a
 * line DURABLE: published, received (different ones), lost, flagged and
 * unflagged duplicates (by whom, where that is known), disorder.
 */
public final class Subscriber {
    private static volatile boolean told;
    private static volatile long epoch; // rises with every failover

    private final ActiveMQConnectionFactory factory;
    private final Topic topic;
    private final long pause;
    private final AtomicInteger published = new AtomicInteger();
    private final BitSet received = new BitSet(); // the subscriber's, as all below
    private int flagged;
    private int unflagged;
    private int unflaggedByConclave;
    private int disorder;

    private Subscriber(Map<String, String> args) {
        factory = new ActiveMQConnectionFactory(args.get("url"));
        topic = new ActiveMQTopic("DURABLE." + args.get("run"));
        pause = Long.parseLong(args.get("pause"));
    }

    public static void main(String[] args) throws Exception {
        new Subscriber(Ledger.parse(args)).run();
        System.exit(0);
    }

    private void run() throws Exception {
        ActiveMQConnection connection = (ActiveMQConnection) factory.createConnection();
        connection.setClientID("mixed");
        connection.addTransportListener(new DefaultTransportListener() {
            @Override
            public void transportInterupted() {
                epoch++;
            }
        });
        connection.start();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "numbers");
        Thread publisher = new Thread(this::publish, "publisher");
        System.out.println("READY");
        publisher.start();
        Thread listener = new Thread(() -> {
            try {
                System.in.read();
            } catch (java.io.IOException e) {
                System.out.println("LISTENER " + e);
            }
            told = true;
        });
        listener.setDaemon(true);
        listener.start();
        receive(consumer, publisher);
        System.out.println("DURABLE published=" + published.get() + " received=" + received.cardinality()
            + " lost=" + (published.get() - received.get(0, published.get()).cardinality())
            + " flagged=" + flagged + " unflagged=" + unflagged + " unflagged_conclave=" + unflaggedByConclave
            + " disorder=" + disorder);
    }

    private void publish() {
        try {
            Session session = factory.createConnection().createSession(false, Session.AUTO_ACKNOWLEDGE);
            MessageProducer producer = session.createProducer(topic);
            while (!told) {
                Message message = session.createTextMessage("x".repeat(500));
                message.setIntProperty("n", published.get());
                producer.send(message);
                int n = published.incrementAndGet();
                if (n % 50 == 0) {
                    System.out.println("PROGRESS " + n);
                }
                Thread.sleep(pause);
            }
        } catch (JMSException | InterruptedException e) {
            System.out.println("BROKEN " + e);
        }
    }

    private void receive(MessageConsumer consumer, Thread publisher) throws JMSException {
        int last = -1;
        long in = epoch;
        for (int idle = 0; publisher.isAlive() || idle < 20;) {
            long before = epoch;
            Message message = consumer.receive(250);
            if (message == null) {
                idle = publisher.isAlive() ? 0 : idle + 1;
                if (!publisher.isAlive() && received.cardinality() >= published.get() && idle >= 2) {
                    return;
                }
                continue;
            }
            idle = 0;
            int n = message.getIntProperty("n");
            boolean again = message.getJMSRedelivered();
            if (received.get(n)) {
                if (again) {
                    flagged++;
                } else {
                    unflagged++;
                    if (((ActiveMQMessage) message).getBrokerOutTime() == 0) {
                        unflaggedByConclave++;
                    }
                    System.out.println("BAD unflagged " + n + " out " + ((ActiveMQMessage) message).getBrokerOutTime()
                        + " now " + System.currentTimeMillis());
                }
            }
            received.set(n);
            if (before != epoch || in != epoch) {
                in = epoch;
                last = -1;
            } else if (!again && n <= last) {
                disorder++;
            }
            last = Math.max(last, again ? -1 : n);
        }
    }
}
