import java.util.Arrays;
import javax.jms.DeliveryMode;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;

/** Header fields arrive as they were set. */
final class HeaderCases {
    private HeaderCases() {
    }

    static void addTo(Suite suite) {
        suite.add("header.fields", HeaderCases::fields);
        suite.add("header.defaults", HeaderCases::defaults);
        suite.add("header.priorities", HeaderCases::priorities);
        suite.add("header.correlation.bytes", HeaderCases::correlationBytes);
        suite.add("header.replyto.topic", HeaderCases::replyToTopic);
        suite.add("header.groups", HeaderCases::groups);
        suite.add("header.message.ids.unique", HeaderCases::uniqueIDs);
        suite.add("header.userid.absent", HeaderCases::userID);
    }

    private static void fields(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        Message sent = session.createTextMessage("x");
        sent.setJMSCorrelationID("corr é");
        sent.setJMSReplyTo(env.queue("reply"));
        sent.setJMSType("some type");
        long before = System.currentTimeMillis();
        session.createProducer(queue).send(sent, DeliveryMode.NON_PERSISTENT, 7, 60_000);
        long after = System.currentTimeMillis();
        Message got = Env.receive(consumer);
        Env.equal("corr é", got.getJMSCorrelationID(), "correlation id");
        Env.equal(env.queue("reply"), got.getJMSReplyTo(), "reply to");
        Env.equal("some type", got.getJMSType(), "type");
        Env.equal(7, got.getJMSPriority(), "priority");
        Env.equal(DeliveryMode.NON_PERSISTENT, got.getJMSDeliveryMode(), "delivery mode");
        Env.equal(queue, got.getJMSDestination(), "destination");
        Env.equal(sent.getJMSMessageID(), got.getJMSMessageID(), "message id");
        Env.check(got.getJMSTimestamp() >= before && got.getJMSTimestamp() <= after, "timestamp");
        Env.equal(got.getJMSTimestamp() + 60_000, got.getJMSExpiration(), "expiration");
        Env.equal(false, got.getJMSRedelivered(), "redelivered");
        Env.equal(1, got.getIntProperty("JMSXDeliveryCount"), "JMSXDeliveryCount");
    }

    private static void defaults(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        MessageProducer producer = session.createProducer(queue);
        producer.setDisableMessageTimestamp(true);
        producer.send(session.createMessage());
        Message got = Env.receive(consumer);
        Env.equal(null, got.getJMSCorrelationID(), "correlation id");
        Env.equal(null, got.getJMSReplyTo(), "reply to");
        Env.equal(null, got.getJMSType(), "type");
        Env.equal(4, got.getJMSPriority(), "priority");
        Env.equal(DeliveryMode.PERSISTENT, got.getJMSDeliveryMode(), "delivery mode");
        Env.equal(0L, got.getJMSExpiration(), "expiration");
        Env.equal(0L, got.getJMSTimestamp(), "timestamp");
    }

    /** Priorities are carried; without prioritizedMessages they do not reorder in the broker. */
    private static void priorities(Env env) throws Exception {
        Session session = env.session("jms.messagePrioritySupported=false");
        Queue queue = env.queue("q");
        MessageProducer producer = session.createProducer(queue);
        for (int priority = 0; priority <= 9; priority++) {
            producer.setPriority(priority);
            producer.send(session.createMessage());
        }
        MessageConsumer consumer = session.createConsumer(queue);
        for (int priority = 0; priority <= 9; priority++) {
            Env.equal(priority, Env.receive(consumer).getJMSPriority(), "priority");
        }
    }

    private static void correlationBytes(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        Message sent = session.createMessage();
        sent.setJMSCorrelationIDAsBytes("abc".getBytes());
        session.createProducer(queue).send(sent);
        byte[] got = Env.receive(consumer).getJMSCorrelationIDAsBytes();
        Env.check(Arrays.equals("abc".getBytes(), got), "correlation id as bytes");
    }

    private static void replyToTopic(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        Message sent = session.createMessage();
        sent.setJMSReplyTo(env.topic("reply"));
        session.createProducer(queue).send(sent);
        Env.equal(env.topic("reply"), Env.receive(consumer).getJMSReplyTo(), "reply to");
    }

    private static void groups(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        Message sent = session.createMessage();
        sent.setStringProperty("JMSXGroupID", "IBM");
        sent.setIntProperty("JMSXGroupSeq", 17);
        session.createProducer(queue).send(sent);
        Message got = Env.receive(consumer);
        Env.equal("IBM", got.getStringProperty("JMSXGroupID"), "JMSXGroupID");
        Env.equal(17, got.getIntProperty("JMSXGroupSeq"), "JMSXGroupSeq");
    }

    private static void uniqueIDs(Env env) throws Exception {
        Queue queue = env.queue("q");
        java.util.Set<String> ids = new java.util.HashSet<>();
        for (int i = 0; i < 3; i++) {
            ids.addAll(Env.sendNumbers(env.session(), queue, 0, 10));
        }
        Env.equal(30, ids.size(), "distinct ids");
        MessageConsumer consumer = env.session().createConsumer(queue);
        for (int i = 0; i < 30; i++) {
            Env.check(ids.remove(Env.receive(consumer).getJMSMessageID()), "an id that was sent, once");
        }
    }

    /** Without populateJMSXUserID the broker adds no user. */
    private static void userID(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        session.createProducer(queue).send(session.createMessage());
        Env.equal(null, Env.receive(consumer).getStringProperty("JMSXUserID"), "JMSXUserID");
    }
}
