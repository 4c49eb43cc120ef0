import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.command.ActiveMQQueue;

/** Message groups: JMSXGroupID, JMSXGroupSeq, JMSXGroupFirstForConsumer. */
final class GroupCases {
    private static final String ONE = "jms.prefetchPolicy.all=1";
    private static final String FAST = "jms.redeliveryPolicy.initialRedeliveryDelay=10";

    private GroupCases() {
    }

    static void addTo(Suite suite) {
        suite.add("group.owners", GroupCases::owners);
        suite.add("group.closed.by.sequence", GroupCases::closedBySequence);
        suite.add("group.begun.by.sequence.one", GroupCases::begunAnew);
        suite.add("group.owner.closes", GroupCases::ownerCloses);
        suite.add("group.owner.vanishes", GroupCases::ownerVanishes);
        suite.add("group.owner.full", GroupCases::ownerFull);
        suite.add("group.consumer.priority", GroupCases::priority);
        suite.add("group.exclusive.consumer", GroupCases::exclusive);
        suite.addBetter("group.exclusive.consumer.late", GroupCases::exclusiveLate);
        suite.add("group.selector", GroupCases::selector);
        suite.add("group.rollback", GroupCases::rollback);
        suite.add("group.late.consumer", GroupCases::lateConsumer);
        suite.add("group.thousands", GroupCases::thousands);
        suite.add("group.pull", GroupCases::pull);
        suite.add("group.map.bucket", GroupCases::bucket);
        suite.add("group.map.simple", GroupCases::owners);
        suite.add("group.map.cached.1", GroupCases::cachedOne);
        suite.add("group.starts.with.two", GroupCases::startsWithTwo);
        suite.add("group.starts.late", GroupCases::startsLate);
        suite.add("group.transacted.sends", GroupCases::transactedSends);
    }

    /** Sends texts of one group; an entry of "A", "A:1" or "A:-1" is a group and a sequence number. */
    private static void send(Session session, Destination to, String... groups) throws JMSException {
        MessageProducer producer = session.createProducer(to);
        producer.setDeliveryMode(DeliveryMode.PERSISTENT);
        int n = 0;
        for (String group : groups) {
            String[] parts = group.split(":");
            TextMessage message = session.createTextMessage(parts[0] + n++);
            message.setStringProperty("JMSXGroupID", parts[0]);
            if (parts.length > 1) {
                message.setIntProperty("JMSXGroupSeq", Integer.parseInt(parts[1]));
            }
            producer.send(message);
        }
        producer.close();
    }

    private static boolean first(Message message) throws JMSException {
        return message.getBooleanProperty("JMSXGroupFirstForConsumer");
    }

    private static void expect(MessageConsumer consumer, String... texts) throws JMSException {
        for (String text : texts) {
            Env.equal(text, Env.text(consumer), "text");
        }
    }

    /** Each group goes to one consumer, in order, and the groups are divided evenly. */
    private static void owners(Env env) throws Exception {
        Queue queue = env.queue("q");
        List<MessageConsumer> consumers = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            consumers.add(env.session().createConsumer(queue));
        }
        String[] groups = new String[40];
        for (int i = 0; i < groups.length; i++) {
            groups[i] = "G" + i % 4;
        }
        send(env.session(), queue, groups);
        Map<String, MessageConsumer> owner = new HashMap<>();
        for (MessageConsumer consumer : consumers) {
            Map<String, Integer> last = new HashMap<>();
            for (int i = 0; i < 20; i++) {
                Message got = Env.receive(consumer);
                String group = got.getStringProperty("JMSXGroupID");
                int n = Integer.parseInt(((TextMessage) got).getText().substring(2));
                Env.equal(owner.putIfAbsent(group, consumer) == null, first(got), "first of " + group);
                Env.check(owner.get(group) == consumer, group + " has two consumers");
                Env.check(last.getOrDefault(group, -1) < n, "order of " + group);
                last.put(group, n);
            }
            Env.equal(2, last.size(), "groups of a consumer");
        }
    }

    private static void closedBySequence(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer consumer = env.session().createConsumer(queue);
        send(env.session(), queue, "A:1", "A:2", "A:-1", "A:4", "A:5", "A");
        boolean[] want = {true, false, false, true, false, false};
        int[] sequences = {1, 2, -1, 4, 5, 0};
        for (int i = 0; i < want.length; i++) {
            Message got = Env.receive(consumer);
            Env.equal("A", got.getStringProperty("JMSXGroupID"), "JMSXGroupID");
            Env.equal(sequences[i], got.getIntProperty("JMSXGroupSeq"), "JMSXGroupSeq");
            Env.equal(want[i], first(got), "first: " + i);
        }
    }

    private static void begunAnew(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer a = env.session().createConsumer(queue);
        send(env.session(), queue, "A:1", "A:2");
        expect(a, "A0", "A1");
        MessageConsumer b = env.session().createConsumer(queue);
        send(env.session(), queue, "A:3", "A:1", "A:2");
        expect(a, "A0");
        Message got = Env.receive(b);
        Env.equal("A1", ((TextMessage) got).getText(), "text");
        Env.check(first(got), "first for the new consumer");
        expect(b, "A2");
        Env.none(a);
    }

    private static void ownerCloses(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer owner = env.connect(FAST).createSession(false, Session.CLIENT_ACKNOWLEDGE).createConsumer(queue);
        send(env.session(), queue, "A", "A", "A", "A", "A");
        expect(owner, "A0", "A1");
        MessageConsumer heir = env.session().createConsumer(queue);
        Env.none(heir);
        owner.close();
        for (int i = 0; i < 5; i++) {
            Message got = Env.receive(heir);
            Env.equal("A" + i, ((TextMessage) got).getText(), "text");
            if (i == 0) {
                Env.check(first(got), "first for the heir");
            }
            Env.equal(i < 2, got.getJMSRedelivered(), "redelivered " + i);
        }
    }

    private static void ownerVanishes(Env env) throws Exception {
        Queue queue = env.queue("q");
        org.apache.activemq.ActiveMQConnection connection = env.connect();
        MessageConsumer owner = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE).createConsumer(queue);
        send(env.session(), queue, "A", "A", "A");
        expect(owner, "A0");
        MessageConsumer heir = env.session().createConsumer(queue);
        connection.getTransport().stop();
        expect(heir, "A0", "A1", "A2");
        send(env.session(), queue, "A", "A");
        expect(heir, "A0", "A1");
    }

    /** The messages of an owner without credit wait for it; other groups pass. */
    private static void ownerFull(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session slow = env.connect(ONE).createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer owner = slow.createConsumer(queue);
        send(env.session(), queue, "A");
        Message held = Env.receive(owner);
        MessageConsumer other = env.session(ONE).createConsumer(queue);
        send(env.session(), queue, "A", "B", "A", "B", "A", "C", "A", "B");
        expect(other, "B1", "B3", "C5", "B7");
        Env.none(other);
        held.acknowledge();
        for (int i = 0; i < 8; i += 2) {
            Message got = Env.receive(owner);
            Env.equal("A" + i, ((TextMessage) got).getText(), "text");
            got.acknowledge();
        }
        Env.none(other);
    }

    private static void priority(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer low = env.session().createConsumer(queue);
        send(env.session(), queue, "A");
        expect(low, "A0");
        MessageConsumer high = env.session().createConsumer(new ActiveMQQueue(env.name("q") + "?consumer.priority=10"));
        send(env.session(), queue, "A", "B", "A", "C", "D");
        expect(low, "A0", "A2");
        expect(high, "B1", "C3", "D4");
        Env.none(low);
    }

    private static void exclusive(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer only = env.session().createConsumer(new ActiveMQQueue(env.name("q") + "?consumer.exclusive=true"));
        MessageConsumer other = env.session().createConsumer(queue);
        send(env.session(), queue, "A", "B", "C", "A");
        expect(only, "A0", "B1", "C2", "A3");
        only.close();
        send(env.session(), queue, "A", "B");
        expect(other, "A0", "B1");
    }

    /** An exclusive consumer takes groups over that others had. */
    private static void exclusiveLate(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer other = env.session().createConsumer(queue);
        send(env.session(), queue, "A");
        expect(other, "A0");
        MessageConsumer only = env.session().createConsumer(new ActiveMQQueue(env.name("q") + "?consumer.exclusive=true"));
        send(env.session(), queue, "A", "B");
        Message got = Env.receive(only);
        Env.equal("A0", ((TextMessage) got).getText(), "text");
        Env.check(first(got), "first for the exclusive consumer");
        expect(only, "B1");
    }

    /** A group belongs to the consumer that wanted its first message. */
    private static void selector(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer red = env.session().createConsumer(queue, "JMSXGroupID = 'red'");
        MessageConsumer rest = env.session().createConsumer(queue, "JMSXGroupID <> 'red'");
        send(env.session(), queue, "blue", "red", "blue", "red", "green");
        expect(red, "red1", "red3");
        expect(rest, "blue0", "blue2", "green4");
        Env.none(red);
    }

    private static void rollback(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session session = env.connect(FAST).createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer owner = session.createConsumer(queue);
        MessageConsumer other = env.session().createConsumer(queue);
        send(env.session(), queue, "A", "A", "A", "A");
        expect(owner, "A0", "A1");
        session.rollback();
        for (int i = 0; i < 4; i++) {
            Message got = Env.receive(owner);
            Env.equal("A" + i, ((TextMessage) got).getText(), "text");
            Env.equal(i < 2 ? 2 : 1, got.getIntProperty("JMSXDeliveryCount"), "JMSXDeliveryCount " + i);
        }
        session.commit();
        Env.none(other);
    }

    /** Who comes late gets groups that begin late. */
    private static void lateConsumer(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer a = env.session().createConsumer(queue);
        MessageConsumer b = env.session().createConsumer(queue);
        send(env.session(), queue, "A", "B", "A", "B");
        expect(a, "A0", "A2");
        expect(b, "B1", "B3");
        MessageConsumer late = env.session().createConsumer(queue);
        send(env.session(), queue, "C", "A", "B", "C");
        expect(late, "C0", "C3");
        expect(a, "A1");
        expect(b, "B2");
    }

    /** Far more groups than are remembered. */
    private static void thousands(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer a = env.session().createConsumer(queue);
        MessageConsumer b = env.session().createConsumer(queue);
        String[] groups = new String[6000];
        for (int i = 0; i < groups.length; i++) {
            groups[i] = "group-" + i / 2 + "-";
        }
        send(env.session("jms.useAsyncSend=true"), queue, groups);
        Set<String> seen = new HashSet<>();
        Env.await("all messages", () -> {
            for (MessageConsumer consumer : List.of(a, b)) {
                for (Message got = consumer.receiveNoWait(); got != null; got = consumer.receiveNoWait()) {
                    Env.check(seen.add(((TextMessage) got).getText()), "twice");
                }
            }
            return seen.size() == groups.length;
        });
    }

    private static void pull(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer a = env.session("jms.prefetchPolicy.all=0").createConsumer(queue);
        MessageConsumer b = env.session("jms.prefetchPolicy.all=0").createConsumer(queue);
        send(env.session(), queue, "A", "A", "B", "A", "B");
        expect(a, "A0");
        expect(b, "B2", "B4");
        Env.equal(null, b.receiveNoWait(), "of another's group");
        expect(a, "A1", "A3");
    }

    /** All groups are in one bucket. */
    private static void bucket(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer a = env.session().createConsumer(queue);
        MessageConsumer b = env.session().createConsumer(queue);
        send(env.session(), queue, "A", "B", "C", "A");
        expect(a, "A0", "B1", "C2", "A3");
        Env.none(b);
    }

    /** One group is remembered: each change of group is a new beginning. */
    private static void cachedOne(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer consumer = env.session().createConsumer(queue);
        send(env.session(), queue, "A", "A", "B", "A", "A");
        for (boolean want : new boolean[] {true, false, true, true, false}) {
            Env.equal(want, first(Env.receive(consumer)), "first");
        }
    }

    /** Dispatch begins with the second consumer, so that both get groups. */
    private static void startsWithTwo(Env env) throws Exception {
        Queue queue = env.queue("q");
        String[] groups = new String[20];
        for (int i = 0; i < groups.length; i++) {
            groups[i] = "G" + i % 10;
        }
        send(env.session(), queue, groups);
        MessageConsumer a = env.session().createConsumer(queue);
        Env.none(a);
        MessageConsumer b = env.session().createConsumer(queue);
        for (MessageConsumer consumer : List.of(a, b)) {
            for (int i = 0; i < 10; i++) {
                Env.receive(consumer);
            }
        }
    }

    /** Dispatch begins when the time is over, if no second consumer comes. */
    private static void startsLate(Env env) throws Exception {
        Queue queue = env.queue("q");
        send(env.session(), queue, "A", "B");
        long begin = System.nanoTime();
        MessageConsumer a = env.session().createConsumer(queue);
        expect(a, "A0", "B1");
        long took = (System.nanoTime() - begin) / 1_000_000;
        Env.check(took >= 450, "it began after " + took + " ms");
    }

    private static void transactedSends(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer a = env.session().createConsumer(queue);
        MessageConsumer b = env.session().createConsumer(queue);
        Session session = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        send(session, queue, "A", "B", "A", "B");
        Env.none(a);
        session.commit();
        expect(a, "A0", "A2");
        expect(b, "B1", "B3");
        send(session, queue, "A");
        session.rollback();
        Env.none(a);
    }
}
