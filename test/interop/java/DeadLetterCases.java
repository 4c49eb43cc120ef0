import javax.jms.DeliveryMode;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.command.ActiveMQDestination;
import org.apache.activemq.command.ActiveMQMessage;
import org.apache.activemq.command.ActiveMQQueue;

/** Poison messages and expired ones. */
final class DeadLetterCases {
    private static final String[] TWICE = {"jms.redeliveryPolicy.maximumRedeliveries=2",
        "jms.redeliveryPolicy.initialRedeliveryDelay=10", "jms.redeliveryPolicy.redeliveryDelay=10"};

    private DeadLetterCases() {
    }

    static void addTo(Suite suite) {
        suite.add("dlq.poison.rollback", DeadLetterCases::poisonByRollback);
        suite.add("dlq.poison.listener", DeadLetterCases::poisonByListener);
        suite.add("dlq.poison.recover", DeadLetterCases::poisonByRecover);
        suite.add("dlq.poison.nonpersistent", DeadLetterCases::poisonNonPersistent);
        suite.add("dlq.poison.durable", DeadLetterCases::poisonDurable);
        suite.add("dlq.poison.rest.is.delivered", DeadLetterCases::rest);
        suite.add("dlq.expired", DeadLetterCases::expired);
        suite.add("dlq.expired.nonpersistent", DeadLetterCases::expiredNonPersistent);
        suite.add("dlq.expired.in.prefetch", DeadLetterCases::expiredInPrefetch);
        suite.add("dlq.expiry.not.reached", DeadLetterCases::notExpired);
        suite.add("dlq.expired.topic", DeadLetterCases::expiredTopic);
    }

    private static final Queue DLQ = new ActiveMQQueue("ActiveMQ.DLQ");

    private static void send(Session session, javax.jms.Destination to, String text, int mode, long ttl) throws JMSException {
        MessageProducer producer = session.createProducer(to);
        TextMessage message = session.createTextMessage(text);
        message.setStringProperty("kept", "yes");
        producer.send(message, mode, 4, ttl);
        producer.close();
    }

    /** Takes the message with this text, and whatever else is there, off ActiveMQ.DLQ. */
    private static Message dead(Env env, String text, long patience) throws JMSException {
        Session session = env.session();
        MessageConsumer consumer = session.createConsumer(DLQ);
        for (Message m = consumer.receive(patience); m != null; m = consumer.receive(patience)) {
            if (m instanceof TextMessage t && text.equals(t.getText())) {
                session.close();
                return m;
            }
        }
        session.close();
        return null;
    }

    private static Message expectDead(Env env, String text, javax.jms.Destination from) throws JMSException {
        Message dead = dead(env, text, Env.SOON);
        Env.check(dead != null, "not in ActiveMQ.DLQ: " + text);
        ActiveMQDestination origin = ((ActiveMQMessage) dead).getOriginalDestination();
        Env.equal(from, origin, "original destination");
        Env.equal("yes", dead.getStringProperty("kept"), "kept property");
        return dead;
    }

    private static void poisonByRollback(Env env) throws Exception {
        Queue queue = env.queue("q");
        String text = env.name("poison");
        send(env.session(), queue, text, DeliveryMode.PERSISTENT, 0);
        Session session = env.connect(TWICE).createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(queue);
        for (int count = 1; count <= 3; count++) {
            Env.equal(count, Env.receive(consumer).getIntProperty("JMSXDeliveryCount"), "JMSXDeliveryCount");
            session.rollback();
        }
        Env.none(consumer);
        Message dead = expectDead(env, text, queue);
        Env.check(dead.getStringProperty("dlqDeliveryFailureCause") != null, "no dlqDeliveryFailureCause");
        Env.equal(DeliveryMode.PERSISTENT, dead.getJMSDeliveryMode(), "delivery mode");
    }

    private static void poisonByListener(Env env) throws Exception {
        Queue queue = env.queue("q");
        String text = env.name("poison");
        send(env.session(), queue, text, DeliveryMode.PERSISTENT, 0);
        env.session(TWICE).createConsumer(queue).setMessageListener(m -> {
            throw new IllegalStateException("on purpose");
        });
        Message dead = expectDead(env, text, queue);
        Env.check(dead.getStringProperty("dlqDeliveryFailureCause").contains("on purpose"), "cause");
    }

    private static void poisonByRecover(Env env) throws Exception {
        Queue queue = env.queue("q");
        String text = env.name("poison");
        send(env.session(), queue, text, DeliveryMode.PERSISTENT, 0);
        Session session = env.connect(TWICE).createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(queue);
        for (int i = 0; i < 3; i++) {
            Env.receive(consumer);
            session.recover();
        }
        Env.none(consumer);
        expectDead(env, text, queue);
    }

    /** The default strategy drops non-persistent messages. */
    private static void poisonNonPersistent(Env env) throws Exception {
        Queue queue = env.queue("q");
        String text = env.name("poison");
        send(env.session(), queue, text, DeliveryMode.NON_PERSISTENT, 0);
        Session session = env.connect(TWICE).createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(queue);
        for (int i = 0; i < 3; i++) {
            Env.receive(consumer);
            session.rollback();
        }
        Env.none(consumer);
        Env.equal(null, dead(env, text, 500), "dead letter");
    }

    private static void poisonDurable(Env env) throws Exception {
        Topic topic = env.topic("t");
        String text = env.name("poison");
        ActiveMQConnection connection = env.start(env.factory(TWICE), env.name("c"));
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "sub");
        send(env.session(), topic, text, DeliveryMode.PERSISTENT, 0);
        for (int i = 0; i < 3; i++) {
            Env.receive(consumer);
            session.rollback();
        }
        Env.none(consumer);
        expectDead(env, text, topic);
        connection.close();
        Session again = env.start(env.factory(), env.name("c")).createSession(false, Session.AUTO_ACKNOWLEDGE);
        Env.none(again.createDurableSubscriber(topic, "sub"));
    }

    private static void rest(Env env) throws Exception {
        Queue queue = env.queue("q");
        String text = env.name("poison");
        Session producer = env.session();
        Env.sendNumbers(producer, queue, 0, 1);
        send(producer, queue, text, DeliveryMode.PERSISTENT, 0);
        Env.sendNumbers(producer, queue, 1, 3);
        Session session = env.connect(TWICE).createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(queue);
        Env.expectNumbers(consumer, 0, 1);
        session.commit();
        for (int i = 0; i < 3; i++) {
            Env.equal(text, Env.text(consumer), "text");
            session.rollback();
        }
        Env.expectNumbers(consumer, 1, 3);
        session.commit();
        expectDead(env, text, queue);
    }

    private static void expired(Env env) throws Exception {
        Queue queue = env.queue("q");
        String text = env.name("expired");
        Session session = env.session();
        send(session, queue, text, DeliveryMode.PERSISTENT, 50);
        Env.sendNumbers(session, queue, 0, 1);
        Thread.sleep(200);
        MessageConsumer consumer = session.createConsumer(queue);
        Env.expectNumbers(consumer, 0, 1);
        Env.none(consumer);
        Message dead = expectDead(env, text, queue);
        Env.equal(0L, dead.getJMSExpiration(), "expiration");
        Env.check(dead.getLongProperty("originalExpiration") > 0, "originalExpiration");
    }

    private static void expiredNonPersistent(Env env) throws Exception {
        Queue queue = env.queue("q");
        String text = env.name("expired");
        Session session = env.session();
        send(session, queue, text, DeliveryMode.NON_PERSISTENT, 50);
        Thread.sleep(200);
        Env.none(session.createConsumer(queue));
        Env.equal(null, dead(env, text, 500), "dead letter");
    }

    /** A message that expires while a client holds it comes back as an expired ack. */
    private static void expiredInPrefetch(Env env) throws Exception {
        Queue queue = env.queue("q");
        String text = env.name("expired");
        Session session = env.session();
        MessageConsumer consumer = session.createConsumer(queue);
        send(session, queue, text, DeliveryMode.PERSISTENT, 300);
        Env.sendNumbers(session, queue, 0, 1);
        Thread.sleep(600);
        Env.expectNumbers(consumer, 0, 1);
        expectDead(env, text, queue);
    }

    private static void notExpired(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session session = env.session();
        send(session, queue, "alive", DeliveryMode.PERSISTENT, 60_000);
        Env.equal("alive", Env.text(session.createConsumer(queue)), "text");
    }

    private static void expiredTopic(Env env) throws Exception {
        Topic topic = env.topic("t");
        String text = env.name("expired");
        ActiveMQConnection connection = env.start(env.factory(), env.name("c"));
        connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "sub");
        connection.close();
        Session session = env.session();
        send(session, topic, text, DeliveryMode.PERSISTENT, 100);
        Env.sendNumbers(session, topic, 0, 1);
        Thread.sleep(300);
        connection = env.start(env.factory(), env.name("c"));
        MessageConsumer consumer = connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "sub");
        Env.expectNumbers(consumer, 0, 1);
        Env.none(consumer);
    }
}
