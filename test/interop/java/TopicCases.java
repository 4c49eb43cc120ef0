import java.util.ArrayList;
import java.util.List;
import javax.jms.DeliveryMode;
import javax.jms.InvalidClientIDException;
import javax.jms.InvalidDestinationException;
import javax.jms.JMSException;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;

/** Topics: fan-out, noLocal and durable subscribers. */
final class TopicCases {
    private TopicCases() {
    }

    static void addTo(Suite suite) {
        suite.add("topic.fanout", TopicCases::fanout);
        suite.add("topic.late.subscriber", TopicCases::late);
        suite.add("topic.nolocal", TopicCases::noLocal);
        suite.add("topic.order.10000", TopicCases::order);
        suite.add("topic.nonpersistent", TopicCases::nonPersistent);
        suite.add("topic.durable.offline", TopicCases::offline);
        suite.add("topic.durable.partly.acked", TopicCases::partlyAcked);
        suite.add("topic.durable.two", TopicCases::twoSubscribers);
        suite.add("topic.durable.transacted", TopicCases::transacted);
        suite.add("topic.durable.unsubscribe", TopicCases::unsubscribe);
        suite.add("topic.durable.active.twice", TopicCases::activeTwice);
        suite.add("topic.durable.nonpersistent", TopicCases::durableNonPersistent);
        suite.add("topic.durable.large.backlog", TopicCases::backlog);
        suite.add("topic.durable.redelivery", TopicCases::redelivery);
        suite.add("topic.clientid.twice", TopicCases::clientIDTwice);
    }

    private static void fanout(Env env) throws Exception {
        Topic topic = env.topic("t");
        List<MessageConsumer> consumers = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            consumers.add(env.session().createConsumer(topic));
        }
        Env.sendNumbers(env.session(), topic, 0, 100);
        for (MessageConsumer consumer : consumers) {
            Env.expectNumbers(consumer, 0, 100);
        }
        Env.none(consumers.get(0));
    }

    private static void late(Env env) throws Exception {
        Topic topic = env.topic("t");
        Session session = env.session();
        Env.sendNumbers(session, topic, 0, 5);
        MessageConsumer consumer = session.createConsumer(topic);
        Env.sendNumbers(session, topic, 5, 10);
        Env.expectNumbers(consumer, 5, 10);
        consumer.close();
        Env.sendNumbers(session, topic, 10, 15);
        consumer = session.createConsumer(topic);
        Env.none(consumer);
    }

    private static void noLocal(Env env) throws Exception {
        Topic topic = env.topic("t");
        Session session = env.session();
        MessageConsumer consumer = session.createConsumer(topic, null, true);
        Env.sendNumbers(session, topic, 0, 5);
        Env.sendNumbers(env.session(), topic, 5, 10);
        Env.expectNumbers(consumer, 5, 10);
        Env.none(consumer);
    }

    private static void order(Env env) throws Exception {
        Topic topic = env.topic("t");
        MessageConsumer first = env.session().createConsumer(topic);
        MessageConsumer second = env.session().createConsumer(topic);
        Env.sendNumbers(env.session("jms.useAsyncSend=true"), topic, 0, 10_000);
        Env.expectNumbers(first, 0, 10_000);
        Env.expectNumbers(second, 0, 10_000);
    }

    private static void nonPersistent(Env env) throws Exception {
        Topic topic = env.topic("t");
        Session session = env.session();
        MessageConsumer consumer = session.createConsumer(topic);
        MessageProducer producer = session.createProducer(topic);
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        for (int i = 0; i < 1000; i++) {
            producer.send(session.createTextMessage(Integer.toString(i)));
        }
        Env.expectNumbers(consumer, 0, 1000);
    }

    private static ActiveMQConnection connect(Env env, String clientID, String... options) throws JMSException {
        return env.start(env.factory(options), env.name(clientID));
    }

    private static void offline(Env env) throws Exception {
        Topic topic = env.topic("t");
        Session producer = env.session();
        Env.sendNumbers(producer, topic, 0, 5); // before the subscription
        for (int round = 0; round < 3; round++) {
            ActiveMQConnection connection = connect(env, "c");
            Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            MessageConsumer consumer = session.createDurableSubscriber(topic, "sub");
            if (round > 0) {
                Env.expectNumbers(consumer, 100 * round, 100 * round + 20);
            }
            Env.none(consumer);
            connection.close();
            Env.sendNumbers(producer, topic, 100 * (round + 1), 100 * (round + 1) + 20);
        }
    }

    private static void partlyAcked(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = connect(env, "c");
        Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "sub");
        Env.sendNumbers(env.session(), topic, 0, 10);
        Env.expectNumbers(consumer, 0, 3);
        Env.receive(consumer).acknowledge(); // 0 to 3
        Env.expectNumbers(consumer, 4, 7); // not acknowledged
        connection.close();
        connection = connect(env, "c");
        consumer = connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "sub");
        Env.expectNumbers(consumer, 4, 10);
        Env.none(consumer);
    }

    private static void twoSubscribers(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = connect(env, "c");
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer one = session.createDurableSubscriber(topic, "one");
        MessageConsumer two = session.createDurableSubscriber(topic, "two");
        Env.sendNumbers(env.session(), topic, 0, 10);
        Env.expectNumbers(one, 0, 10);
        Env.expectNumbers(two, 0, 2);
        two.close();
        Env.sendNumbers(env.session(), topic, 10, 20);
        Env.expectNumbers(one, 10, 20);
        two = session.createDurableSubscriber(topic, "two");
        Env.expectNumbers(two, 2, 20);
        Env.none(one);
    }

    private static void transacted(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = connect(env, "c");
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "sub");
        Env.sendNumbers(env.session(), topic, 0, 6);
        Env.expectNumbers(consumer, 0, 3);
        session.commit();
        Env.expectNumbers(consumer, 3, 5);
        session.rollback();
        connection.close();
        connection = connect(env, "c");
        consumer = connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "sub");
        Env.expectNumbers(consumer, 3, 6);
        Env.none(consumer);
    }

    private static void unsubscribe(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = connect(env, "c");
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "sub");
        Env.expect(JMSException.class, () -> { // while active
            session.unsubscribe("sub");
            return null;
        });
        consumer.close();
        Env.sendNumbers(env.session(), topic, 0, 5);
        session.unsubscribe("sub");
        Env.expect(InvalidDestinationException.class, () -> {
            session.unsubscribe("sub");
            return null;
        });
        MessageConsumer again = session.createDurableSubscriber(topic, "sub");
        Env.none(again);
        Env.sendNumbers(env.session(), topic, 5, 7);
        Env.expectNumbers(again, 5, 7);
    }

    private static void activeTwice(Env env) throws Exception {
        Topic topic = env.topic("t");
        Session session = connect(env, "c").createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer first = session.createDurableSubscriber(topic, "sub");
        Env.expect(JMSException.class, () -> session.createDurableSubscriber(topic, "sub"));
        Env.sendNumbers(env.session(), topic, 0, 3);
        Env.expectNumbers(first, 0, 3);
    }

    /** Non-persistent messages too wait for a durable subscriber that is away, while the broker lives. */
    private static void durableNonPersistent(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = connect(env, "c");
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "sub");
        MessageProducer producer = session.createProducer(topic);
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        for (int i = 0; i < 10; i++) {
            producer.send(session.createTextMessage(Integer.toString(i)));
        }
        Env.expectNumbers(consumer, 0, 10);
    }

    private static void backlog(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = connect(env, "c");
        connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "sub");
        connection.close();
        Session producer = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        Env.sendNumbers(producer, topic, 0, 3000);
        producer.commit();
        connection = connect(env, "c", "jms.prefetchPolicy.durableTopicPrefetch=50");
        MessageConsumer consumer = connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "sub");
        Env.sendNumbers(env.session(), topic, 3000, 3010);
        Env.expectNumbers(consumer, 0, 3010);
        Env.none(consumer);
    }

    private static void redelivery(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = connect(env, "c", "jms.redeliveryPolicy.initialRedeliveryDelay=10");
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "sub");
        Env.sendNumbers(env.session(), topic, 0, 3);
        Env.expectNumbers(consumer, 0, 3);
        session.rollback();
        for (int i = 0; i < 3; i++) {
            Env.equal(true, Env.receive(consumer).getJMSRedelivered(), "redelivered");
        }
        session.commit();
        Env.none(consumer);
    }

    private static void clientIDTwice(Env env) throws Exception {
        ActiveMQConnection first = connect(env, "c");
        Env.expect(InvalidClientIDException.class, () -> connect(env, "c"));
        first.close();
        connect(env, "c");
    }
}
