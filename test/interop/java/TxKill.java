import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TransactionRolledBackException;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.command.ActiveMQQueue;

/**
 * Transactions in flight while the master is killed: producers send batches of
 * SIZE messages over two queues, some rolled back on purpose, and every
 * outcome is compared with what can be received in the end: all of a
 * transaction or nothing, and nothing of one that was rolled back. Arguments:
 * url, run, transactions (of each producer), pause (ms between two sends).
 *
 * Prints PROGRESS n after each transaction, and at the end TXLEDGER and BAD.
 */
public final class TxKill {
    private static final int PRODUCERS = 3;
    private static final int SIZE = 10;

    private enum Outcome { COMMITTED, ROLLED_BACK, IN_DOUBT }

    private final Map<String, String> args;
    private final ActiveMQConnectionFactory factory;
    private final Map<String, Outcome> outcomes = new ConcurrentHashMap<>();
    private final AtomicInteger done = new AtomicInteger();

    private TxKill(Map<String, String> args) {
        this.args = args;
        factory = new ActiveMQConnectionFactory(args.get("url"));
    }

    public static void main(String[] args) throws Exception {
        new TxKill(Ledger.parse(args)).run();
        System.exit(0);
    }

    private Queue queue(int i) {
        return new ActiveMQQueue("TX." + args.get("run") + "." + i % 2);
    }

    private void run() throws Exception {
        Thread[] threads = new Thread[PRODUCERS];
        for (int p = 0; p < PRODUCERS; p++) {
            Connection connection = factory.createConnection();
            connection.start();
            Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
            int number = p;
            threads[p] = new Thread(() -> produce(session, number));
        }
        System.out.println("READY");
        for (Thread thread : threads) {
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        compare(receive());
    }

    private void produce(Session session, int number) {
        int transactions = Integer.parseInt(args.get("transactions"));
        long pause = Long.parseLong(args.get("pause"));
        for (int t = 0; t < transactions; t++) {
            String name = number + "-" + t;
            outcomes.put(name, transact(session, name, pause, t % 5 == 4));
            System.out.println("PROGRESS " + done.incrementAndGet());
        }
    }

    private Outcome transact(Session session, String name, long pause, boolean rollBack) {
        try {
            MessageProducer producer = session.createProducer(null);
            for (int i = 0; i < SIZE; i++) {
                Message message = session.createTextMessage("x".repeat(500));
                message.setStringProperty("tx", name);
                message.setIntProperty("part", i);
                producer.send(queue(i), message);
                Thread.sleep(pause);
            }
            producer.close();
            if (rollBack) {
                session.rollback();
                return Outcome.ROLLED_BACK;
            }
        } catch (JMSException | InterruptedException e) {
            System.out.println("BROKEN " + name + " " + e);
            rollBack(session);
            return Outcome.ROLLED_BACK;
        }
        try {
            session.commit();
            return Outcome.COMMITTED;
        } catch (TransactionRolledBackException e) {
            System.out.println("ROLLEDBACK " + name + " " + e.getMessage());
            return String.valueOf(e.getMessage()).contains("in doubt") ? Outcome.IN_DOUBT : Outcome.ROLLED_BACK;
        } catch (JMSException e) {
            System.out.println("UNKNOWN " + name + " " + e);
            rollBack(session);
            return Outcome.IN_DOUBT;
        }
    }

    private static void rollBack(Session session) {
        try {
            session.rollback();
        } catch (JMSException e) {
            System.out.println("ROLLBACK FAILED " + e);
        }
    }

    /** The parts that arrived of each transaction. */
    private Map<String, Set<Integer>> receive() throws JMSException {
        Map<String, Set<Integer>> parts = new TreeMap<>();
        Connection connection = factory.createConnection();
        connection.start();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        for (int q = 0; q < 2; q++) {
            MessageConsumer consumer = session.createConsumer(queue(q));
            for (Message m = consumer.receive(3000); m != null; m = consumer.receive(1000)) {
                String name = m.getStringProperty("tx");
                if (!parts.computeIfAbsent(name, k -> new HashSet<>()).add(m.getIntProperty("part"))) {
                    System.out.println("BAD twice: " + name + " part " + m.getIntProperty("part"));
                }
            }
            consumer.close();
        }
        connection.close();
        return parts;
    }

    private void compare(Map<String, Set<Integer>> parts) {
        int[] count = new int[Outcome.values().length];
        int torn = 0;
        int lost = 0;
        int resurrected = 0;
        for (Map.Entry<String, Outcome> e : outcomes.entrySet()) {
            count[e.getValue().ordinal()]++;
            int got = parts.getOrDefault(e.getKey(), Set.of()).size();
            boolean bad = true;
            if (got != 0 && got != SIZE) {
                torn++;
            } else if (e.getValue() == Outcome.COMMITTED && got == 0) {
                lost++;
            } else if (e.getValue() == Outcome.ROLLED_BACK && got != 0) {
                resurrected++;
            } else {
                bad = false;
            }
            if (bad) {
                System.out.println("BAD " + e.getKey() + " " + e.getValue() + " received " + got + " of " + SIZE);
            }
        }
        System.out.println("TXLEDGER committed=" + count[0] + " rolledback=" + count[1] + " indoubt=" + count[2]
            + " torn=" + torn + " lost=" + lost + " resurrected=" + resurrected
            + " alien=" + parts.keySet().stream().filter(k -> !outcomes.containsKey(k)).count());
    }
}
