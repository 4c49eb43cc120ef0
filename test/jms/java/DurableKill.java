import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.command.ActiveMQTopic;

/**
 * Three durable subscribers while masters are killed: one that is there all the
 * time, one with a selector, one that is away until the end. Arguments: url,
 * number of messages. Prints PROGRESS n for each message sent, and at the end
 * LEDGER for each subscriber with what is missing, came twice without being
 * flagged, or was not for it.
 */
public final class DurableKill {
    private static final Topic TOPIC = new ActiveMQTopic("DURABLE.KILL");

    private final String url;
    private final int messages;

    private DurableKill(String url, int messages) {
        this.url = url;
        this.messages = messages;
    }

    public static void main(String[] args) throws Exception {
        new DurableKill(args[0], Integer.parseInt(args[1])).run();
        System.exit(0);
    }

    /** One durable subscriber and what it has had. */
    private final class Subscriber extends Thread {
        private final String id;
        private final int step;
        private final Connection connection;
        private final MessageConsumer consumer;
        private final BitSet had = new BitSet();
        private int twice;
        private int unflagged;
        private int alien;

        Subscriber(String id, int step) throws JMSException {
            this.id = id;
            this.step = step;
            connection = new ActiveMQConnectionFactory(url).createConnection();
            connection.setClientID(id);
            connection.start();
            consumer = connection.createSession(false, Session.AUTO_ACKNOWLEDGE)
                .createDurableSubscriber(TOPIC, "s", step > 1 ? "even = TRUE" : null, false);
        }

        @Override
        public void run() {
            try {
                while (had.cardinality() < (messages + step - 1) / step) {
                    Message m = consumer.receive(30_000);
                    if (m == null) {
                        return;
                    }
                    take(m);
                }
                for (Message m = consumer.receive(500); m != null; m = consumer.receive(500)) {
                    take(m);
                }
            } catch (JMSException e) {
                System.out.println("BROKEN " + id + " " + e);
            }
        }

        void leave() throws JMSException {
            connection.close();
        }

        private void take(Message m) throws JMSException {
            int n = m.getIntProperty("n");
            if (n % step != 0) {
                alien++;
            } else if (had.get(n)) {
                twice++;
                if (!m.getJMSRedelivered()) {
                    unflagged++;
                }
            }
            had.set(n);
        }

        void account() throws InterruptedException {
            join();
            System.out.println("LEDGER " + id + " missing=" + ((messages + step - 1) / step - had.cardinality()) + " twice=" + twice
                + " unflagged=" + unflagged + " alien=" + alien);
        }
    }

    private void run() throws Exception {
        new Subscriber("away", 1).leave();
        List<Subscriber> all = new ArrayList<>(List.of(new Subscriber("there", 1), new Subscriber("choosy", 2)));
        for (Subscriber s : all) {
            s.start();
        }
        Connection connection = new ActiveMQConnectionFactory(url).createConnection();
        connection.start();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(TOPIC);
        for (int i = 0; i < messages; i++) {
            Message m = session.createTextMessage("x".repeat(200));
            m.setIntProperty("n", i);
            m.setBooleanProperty("even", i % 2 == 0);
            producer.send(m);
            System.out.println("PROGRESS " + (i + 1));
        }
        Subscriber away = new Subscriber("away", 1);
        away.start();
        all.add(away);
        for (Subscriber s : all) {
            s.account();
        }
        System.out.println("DONE");
    }
}
