import javax.jms.InvalidDestinationException;
import javax.jms.JMSException;
import javax.jms.MessageConsumer;
import javax.jms.ResourceAllocationException;
import javax.jms.Session;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;

/**
 * What the broker's options change for durable subscribers and transactions:
 * keepDurableSubsActive=false, offlineDurableSubscriberTimeout,
 * maxUncommittedCount=10, allowLinkStealing. RejectCases has those that exclude
 * these.
 */
final class SessionOptionCases {
    private SessionOptionCases() {
    }

    static void addTo(Suite suite) {
        suite.add("option.nonpersistent.offline.dropped", SessionOptionCases::dropped);
        suite.add("option.offline.timeout", SessionOptionCases::timeout);
        suite.add("option.link.stealing", SessionOptionCases::stealing);
        suite.addBetter("option.max.uncommitted", SessionOptionCases::uncommitted);
    }

    private static ActiveMQConnection connect(Env env, String clientID) throws JMSException {
        return env.start(env.factory(), env.name(clientID));
    }

    private static void dropped(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = connect(env, "c");
        MessageConsumer consumer = connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "s");
        DurableCases.sendTransient(env.session(), topic, 0, 3);
        Env.expectNumbers(consumer, 0, 3);
        connection.close();
        DurableCases.sendTransient(env.session("jms.alwaysSyncSend=true"), topic, 3, 6);
        Env.sendNumbers(env.session(), topic, 6, 8);
        consumer = connect(env, "c").createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "s");
        Env.expectNumbers(consumer, 6, 8);
        Env.none(consumer);
    }

    /** A subscription of nobody is removed after a while; one that is used is not. */
    private static void timeout(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection user = connect(env, "u");
        MessageConsumer used = user.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "s");
        ActiveMQConnection connection = connect(env, "c");
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer nothing = session.createConsumer(env.queue("never"));
        Env.sendNumbers(env.session(), topic, 0, 2);
        Env.await("removal", () -> {
            session.createDurableSubscriber(topic, "s").close();
            Env.check(nothing.receive(2200) == null, "a message from nowhere"); // nothing tells of the removal
            try {
                session.unsubscribe("s");
                return false;
            } catch (InvalidDestinationException e) {
                return true;
            }
        });
        Env.expectNumbers(used, 0, 2);
    }

    private static void stealing(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection first = connect(env, "c");
        first.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "s");
        ActiveMQConnection second = connect(env, "c");
        MessageConsumer consumer = second.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "s");
        Env.sendNumbers(env.session(), topic, 0, 2);
        Env.expectNumbers(consumer, 0, 2);
        Env.await("the end of the first", first::isTransportFailed);
    }

    private static void uncommitted(Env env) throws Exception {
        Session session = env.connect("jms.alwaysSyncSend=true").createSession(true, Session.SESSION_TRANSACTED);
        Env.sendNumbers(session, env.queue("q"), 0, 10);
        session.commit();
        Env.sendNumbers(session, env.queue("q"), 10, 20);
        Env.expect(ResourceAllocationException.class, () -> Env.sendNumbers(session, env.queue("q"), 20, 21));
        session.rollback();
        Env.sendNumbers(session, env.queue("q"), 10, 12);
        session.commit();
        MessageConsumer consumer = env.session().createConsumer(env.queue("q"));
        Env.expectNumbers(consumer, 0, 12);
        Env.none(consumer);
    }
}
