import java.util.BitSet;
import java.util.concurrent.atomic.AtomicInteger;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.command.ActiveMQQueue;

/**
 * Sessions that take messages of one queue and put them into another, ten in a
 * transaction, while masters are killed: in the end each has come through once.
 * Arguments: url, number of messages. Prints PROGRESS n for each transaction,
 * BROKEN for each that failed, and LEDGER with what is missing and what came
 * twice.
 */
public final class PipeKill {
    private static final int SESSIONS = 2;
    private static final int BATCH = 10;
    private static final Queue IN = new ActiveMQQueue("PIPE.IN");
    private static final Queue OUT = new ActiveMQQueue("PIPE.OUT");

    private final String url;
    private final int messages;
    private final AtomicInteger done = new AtomicInteger();

    private PipeKill(String url, int messages) {
        this.url = url;
        this.messages = messages;
    }

    public static void main(String[] args) throws Exception {
        new PipeKill(args[0], Integer.parseInt(args[1])).run();
        System.exit(0);
    }

    private Connection connect() throws JMSException {
        Connection connection = new ActiveMQConnectionFactory(url).createConnection();
        connection.start();
        return connection;
    }

    private void run() throws Exception {
        Session sender = connect().createSession(true, Session.SESSION_TRANSACTED);
        Env.sendNumbers(sender, IN, 0, messages);
        sender.commit();
        Thread[] threads = new Thread[SESSIONS];
        for (int i = 0; i < SESSIONS; i++) {
            Session session = connect().createSession(true, Session.SESSION_TRANSACTED);
            threads[i] = new Thread(() -> pipe(session));
            threads[i].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        account();
    }

    private void pipe(Session session) {
        try {
            MessageConsumer consumer = session.createConsumer(IN);
            MessageProducer producer = session.createProducer(OUT);
            int idle = 0;
            while (idle < 3) {
                try {
                    idle = pass(session, consumer, producer) ? 0 : idle + 1;
                } catch (JMSException e) {
                    idle = 0;
                    System.out.println("BROKEN " + e);
                    rollBack(session);
                }
            }
            session.close();
        } catch (JMSException e) {
            System.out.println("BAD " + e);
        }
    }

    private boolean pass(Session session, MessageConsumer consumer, MessageProducer producer) throws JMSException {
        int n = 0;
        for (; n < BATCH; n++) {
            Message got = consumer.receive(1500);
            if (got == null) {
                break;
            }
            producer.send(session.createTextMessage(((TextMessage) got).getText()));
        }
        session.commit();
        if (n > 0) {
            System.out.println("PROGRESS " + done.incrementAndGet());
        }
        return n > 0;
    }

    private static void rollBack(Session session) {
        try {
            session.rollback();
        } catch (JMSException e) {
            System.out.println("BROKEN rollback " + e);
        }
    }

    private void account() throws JMSException {
        Session session = connect().createSession(false, Session.AUTO_ACKNOWLEDGE);
        BitSet had = new BitSet();
        int twice = 0;
        MessageConsumer consumer = session.createConsumer(OUT);
        for (Message m = consumer.receive(3000); m != null; m = consumer.receive(1000)) {
            int n = Integer.parseInt(((TextMessage) m).getText());
            twice += had.get(n) ? 1 : 0;
            had.set(n);
        }
        int left = 0;
        consumer = session.createConsumer(IN);
        for (Message m = consumer.receive(500); m != null; m = consumer.receive(500)) {
            left++;
        }
        System.out.println("LEDGER missing=" + (messages - had.cardinality()) + " twice=" + twice + " left=" + left);
    }
}
