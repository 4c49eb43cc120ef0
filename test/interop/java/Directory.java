import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.ActiveMQSession;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;

/**
 * One owner's turn on a directory that brokers hand on to each other. Arguments
 * are key=value: url, state (a file, see DirectoryState), seed, do (round or
 * drain), holes (false where the store, ActiveMQ's JDBC, forgets single
 * acknowledgements of durable subscriptions).
 *
 * A round compares everything that is there with the state, consumes some of
 * it in every way, sends more, saves the state, and leaves a transaction and
 * an acknowledgement open; it then prints READY and waits for a line, so that
 * the broker can be killed before its clients go. A drain takes everything and
 * expects nothing to be left. Failing prints BAD and ends with status 1.
 */
public final class Directory {
    private static final String CLIENT = "directory-client";
    private static final String[] QUEUES = {"D.auto", "D.individual", "D.transacted", "D.client"};
    private static final String BULK = "D.bulk";
    private static final String GONE = "D.gone";
    private static final String OPEN = "D.open";
    private static final Topic TOPIC = new ActiveMQTopic("D.topic");
    private static final String[] SUBSCRIPTIONS = {"client", "individual", "untouched"};
    private static final int MOST = 140; // ActiveMQ delivers 200 unacknowledged messages at most
    private static final long SOON = 10_000;
    private static final long NEVER = 120;

    private final DirectoryState state;
    private final Random random;
    private final boolean holes;
    private final ActiveMQConnection connection;
    private final ActiveMQConnection subscriber;

    private Directory(Map<String, String> args, DirectoryState state) throws JMSException {
        this.state = state;
        random = new Random(Long.parseLong(args.get("seed")) + state.round);
        holes = !"false".equals(args.get("holes"));
        ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(args.get("url"));
        factory.setTrustAllPackages(true);
        factory.getPrefetchPolicy().setDurableTopicPrefetch(1000);
        factory.getRedeliveryPolicy().setMaximumRedeliveries(-1);
        factory.setSendAcksAsync(false); // what is acknowledged has been confirmed
        connection = (ActiveMQConnection) factory.createConnection();
        connection.start();
        subscriber = (ActiveMQConnection) factory.createConnection();
        subscriber.setClientID(CLIENT);
        subscriber.start();
    }

    public static void main(String[] argv) {
        try {
            Map<String, String> args = Ledger.parse(argv);
            Path file = Path.of(args.get("state"));
            DirectoryState state = DirectoryState.load(file);
            Directory directory = new Directory(args, state);
            if (args.get("do").equals("drain")) {
                directory.drain();
            } else {
                directory.round();
                state.round++;
                state.save(file);
                directory.leaveOpen();
                System.out.println("READY pending=" + state.pending());
                System.in.read();
            }
            System.out.println("OK round=" + state.round + " pending=" + state.pending());
            Runtime.getRuntime().halt(0); // the broker may be gone: close nothing
        } catch (Throwable e) {
            System.out.println("BAD " + e);
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    private void round() throws Exception {
        verify();
        consume();
        if (thorough()) {
            renewSubscription();
        }
        send();
        verify();
    }

    // --- comparing

    private void verify() throws Exception {
        for (String name : QUEUES) {
            Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
            peek(session, session.createConsumer(new ActiveMQQueue(name)), state.queue(name), name);
        }
        for (Map.Entry<String, List<Integer>> e : state.subscriptions.entrySet()) {
            Session session = subscriber.createSession(true, Session.SESSION_TRANSACTED);
            peek(session, session.createDurableSubscriber(TOPIC, e.getKey()), e.getValue(), e.getKey());
        }
        for (String name : new String[] {GONE, OPEN}) {
            Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
            peek(session, session.createConsumer(new ActiveMQQueue(name)), state.queue(name), name);
        }
    }

    /** Receives everything, compares and rolls back. */
    private void peek(Session session, MessageConsumer consumer, List<Integer> want, String where) throws Exception {
        for (int n : want) {
            check(consumer, n, where);
        }
        Message extra = consumer.receive(NEVER);
        Env.check(extra == null, where + ": more than the " + want.size() + " expected: " + extra);
        session.rollback();
        session.close();
    }

    private Message check(MessageConsumer consumer, int want, String where) throws Exception {
        Message got = consumer.receive(SOON);
        Env.check(got != null, where + ": nothing, want " + want);
        Env.equal(want, got.getIntProperty("n"), where);
        DirectoryState.Sent sent = state.sent.get(want);
        Env.equal(sent.id(), got.getJMSMessageID(), where + " message id");
        Env.equal(sent.timestamp(), got.getJMSTimestamp(), where + " timestamp");
        Env.equal(sent.expiration(), got.getJMSExpiration(), where + " expiration");
        Env.equal(sent.priority(), got.getJMSPriority(), where + " priority");
        Env.equal("correlation " + want, got.getJMSCorrelationID(), where + " correlation id");
        DirectoryMessages.check(got, want);
        return got;
    }

    // --- consuming

    private void consume() throws Exception {
        auto();
        individual(connection.createSession(false, ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE), null, "D.individual", state.queue("D.individual"));
        transacted();
        client(connection.createSession(false, Session.CLIENT_ACKNOWLEDGE), null, "D.client", state.queue("D.client"));
        bulk();
        for (Map.Entry<String, List<Integer>> e : state.subscriptions.entrySet()) {
            String how = !holes && e.getKey().equals("individual") ? "client" : e.getKey();
            switch (how) {
                case "client" -> client(subscriber.createSession(false, Session.CLIENT_ACKNOWLEDGE), TOPIC, e.getKey(), e.getValue());
                case "individual" -> individual(subscriber.createSession(false, ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE), TOPIC, e.getKey(), e.getValue());
                default -> { }
            }
        }
    }

    private static MessageConsumer consumer(Session session, Topic topic, String name) throws JMSException {
        return topic == null ? session.createConsumer(new ActiveMQQueue(name)) : session.createDurableSubscriber(topic, name);
    }

    /** Every third round consumes nearly everything, so that journal files become free. */
    private boolean thorough() {
        return state.round % 3 == 2;
    }

    /** Some of a list from its front. */
    private int some(List<Integer> list) {
        if (thorough()) {
            return list.size();
        }
        return list.isEmpty() ? 0 : Math.max(random.nextInt(list.size() + 1), list.size() - MOST / 2);
    }

    private void auto() throws Exception {
        List<Integer> list = state.queue("D.auto");
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, null, "D.auto");
        for (int k = some(list); k > 0; k--) {
            check(consumer, list.remove(0), "D.auto");
        }
        session.close();
    }

    /** Acknowledges some in the middle, which leaves holes. */
    private void individual(Session session, Topic topic, String name, List<Integer> list) throws Exception {
        MessageConsumer consumer = consumer(session, topic, name);
        int most = list.size() - MOST / 2;
        List<Integer> kept = new ArrayList<>();
        for (int i = 0; i < list.size(); i++) {
            Message got = check(consumer, list.get(i), name);
            if (thorough() || i < most || random.nextInt(3) == 0) {
                got.acknowledge();
            } else {
                kept.add(list.get(i));
            }
        }
        session.close();
        list.clear();
        list.addAll(kept);
    }

    private void transacted() throws Exception {
        List<Integer> list = state.queue("D.transacted");
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = consumer(session, null, "D.transacted");
        int committed = some(list);
        for (int i = 0; i < committed; i++) {
            check(consumer, list.get(i), "D.transacted");
        }
        session.commit();
        list.subList(0, committed).clear();
        for (int i = 0; i < list.size() / 2; i++) {
            check(consumer, list.get(i), "D.transacted");
        }
        session.rollback();
        session.close();
    }

    /** One acknowledgement for a range; what was received after it is not acknowledged. */
    private void client(Session session, Topic topic, String name, List<Integer> list) throws Exception {
        MessageConsumer consumer = consumer(session, topic, name);
        int acked = some(list);
        for (int i = 0; i < list.size(); i++) {
            Message got = check(consumer, list.get(i), name);
            if (i == acked - 1) {
                got.acknowledge();
            }
        }
        session.close();
        list.subList(0, acked).clear();
    }

    private void bulk() throws Exception {
        List<Integer> list = state.queue(BULK);
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = consumer(session, null, BULK);
        for (int taken = 0; (thorough() || taken < 900) && !list.isEmpty(); taken++) {
            check(consumer, list.remove(0), BULK);
            if (taken % 100 == 99) {
                session.commit();
            }
        }
        session.commit();
        session.close();
    }

    private void renewSubscription() throws Exception {
        Session session = subscriber.createSession(false, Session.AUTO_ACKNOWLEDGE);
        session.unsubscribe("untouched");
        state.subscriptions.put("untouched", new ArrayList<>());
        session.createDurableSubscriber(TOPIC, "untouched").close();
        session.close();
    }

    // --- sending

    private void send() throws Exception {
        if (state.subscriptions.isEmpty()) {
            Session session = subscriber.createSession(false, Session.AUTO_ACKNOWLEDGE);
            for (String name : SUBSCRIPTIONS) {
                session.createDurableSubscriber(TOPIC, name).close();
                state.subscriptions.put(name, new ArrayList<>());
            }
            session.close();
        }
        Session plain = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session transacted = connection.createSession(true, Session.SESSION_TRANSACTED);
        for (int i = 0; i < 3; i++) {
            for (String name : QUEUES) {
                batch(random.nextBoolean() ? plain : transacted, name, 15, true);
            }
            batch(transacted, QUEUES[i], 10, false);
            publish(random.nextBoolean() ? plain : transacted, 6);
        }
        batch(transacted, BULK, 1000, true);
        batch(plain, GONE, 5, false);
        plain.close();
        transacted.close();
        connection.destroyDestination(new ActiveMQQueue(GONE));
    }

    /** Sends to a queue; what is not kept is rolled back, or will be destroyed. */
    private void batch(Session session, String name, int count, boolean keep) throws Exception {
        MessageProducer producer = session.createProducer(new ActiveMQQueue(name));
        List<Integer> numbers = send(session, producer, count, name.equals(BULK));
        producer.close();
        if (keep) {
            state.queue(name).addAll(numbers);
        }
        end(session, keep);
    }

    private void publish(Session session, int count) throws Exception {
        MessageProducer producer = session.createProducer(TOPIC);
        List<Integer> numbers = send(session, producer, count, false);
        producer.close();
        state.subscriptions.values().forEach(list -> list.addAll(numbers));
        end(session, true);
    }

    private static void end(Session session, boolean keep) throws JMSException {
        if (session.getTransacted()) {
            if (keep) {
                session.commit();
            } else {
                session.rollback();
            }
        }
    }

    private List<Integer> send(Session session, MessageProducer producer, int count, boolean small) throws Exception {
        List<Integer> numbers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int n = state.next++;
            Message message = DirectoryMessages.create(session, n, small);
            message.setIntProperty("n", n);
            message.setJMSCorrelationID("correlation " + n);
            producer.setPriority(n % 10);
            producer.setTimeToLive(n % 4 == 0 ? 3_600_000 : 0);
            producer.send(message);
            state.sent.put(n, new DirectoryState.Sent(message.getJMSMessageID(), message.getJMSTimestamp(),
                message.getJMSExpiration(), message.getJMSPriority()));
            numbers.add(n);
        }
        return numbers;
    }

    /** A transaction that will never end and messages that are held at the end. */
    private void leaveOpen() throws Exception {
        Session open = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = open.createProducer(new ActiveMQQueue(OPEN));
        for (int i = 0; i < 5; i++) {
            producer.send(open.createTextMessage("never committed"));
        }
        MessageConsumer consumer = open.createConsumer(new ActiveMQQueue("D.transacted"));
        for (int i = 0; i < Math.min(5, state.queue("D.transacted").size()); i++) {
            check(consumer, state.queue("D.transacted").get(i), "D.transacted");
        }
    }

    // --- the end

    private void drain() throws Exception {
        verify();
        for (Map.Entry<String, List<Integer>> e : state.queues.entrySet()) {
            takeAll(connection, null, e.getKey(), e.getValue());
        }
        for (Map.Entry<String, List<Integer>> e : state.subscriptions.entrySet()) {
            takeAll(subscriber, TOPIC, e.getKey(), e.getValue());
        }
        takeAll(connection, null, "ActiveMQ.DLQ", new ArrayList<>());
    }

    private void takeAll(Connection from, Topic topic, String name, List<Integer> list) throws Exception {
        Session session = from.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, topic, name);
        while (!list.isEmpty()) {
            check(consumer, list.remove(0), name);
        }
        Message extra = consumer.receive(NEVER);
        Env.check(extra == null, name + ": more than expected: " + extra);
        session.close();
    }
}
