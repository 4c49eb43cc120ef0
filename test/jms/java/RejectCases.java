import javax.jms.InvalidClientIDException;
import javax.jms.JMSException;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TemporaryQueue;
import org.apache.activemq.ActiveMQConnection;

/**
 * rejectDurableConsumers=true, rollbackOnlyOnAsyncException=false, and a
 * connector that does not steal beside one that does.
 */
final class RejectCases {
    private RejectCases() {
    }

    static void addTo(Suite suite) {
        suite.add("option.reject.durable", RejectCases::rejected);
        suite.add("option.no.stealing", RejectCases::noStealing);
        suite.add("option.commit.after.async.failure", RejectCases::commits);
    }

    private static void rejected(Env env) throws Exception {
        Session session = env.start(env.factory(), env.name("c")).createSession(false, Session.AUTO_ACKNOWLEDGE);
        JMSException e = Env.expect(JMSException.class, () -> session.createDurableSubscriber(env.topic("t"), "s"));
        Env.equal("Durable Consumers are not allowed", e.getMessage(), "message");
        MessageConsumer consumer = session.createConsumer(env.topic("t"));
        Env.sendNumbers(session, env.topic("t"), 0, 1);
        Env.expectNumbers(consumer, 0, 1);
    }

    private static void noStealing(Env env) throws Exception {
        env.start(env.factory(), env.name("c"));
        Env.expect(InvalidClientIDException.class, () -> env.start(env.factory(), env.name("c")));
    }

    private static void commits(Env env) throws Exception {
        ActiveMQConnection owner = env.connect();
        TemporaryQueue gone = owner.createSession(false, Session.AUTO_ACKNOWLEDGE).createTemporaryQueue();
        Session session = env.connect("jms.watchTopicAdvisories=false").createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer toGone = session.createProducer(null);
        gone.delete();
        Env.sendNumbers(session, env.queue("q"), 0, 1);
        toGone.send(gone, session.createTextMessage("lost"));
        session.commit();
        Env.expectNumbers(env.session().createConsumer(env.queue("q")), 0, 1);
    }
}
