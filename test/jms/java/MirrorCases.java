import javax.jms.MessageConsumer;
import javax.jms.Session;
import javax.jms.TemporaryQueue;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;

/** Mirrored queues, switched on by useMirroredQueues. */
final class MirrorCases {
    private MirrorCases() {
    }

    static void addTo(Suite suite) {
        suite.add("mirror.topic", MirrorCases::topic);
        suite.add("mirror.virtual.consumer", MirrorCases::virtualConsumer);
        suite.add("mirror.temporary", MirrorCases::temporary);
        suite.add("mirror.transaction", MirrorCases::transaction);
    }

    private static void topic(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer spy = session.createConsumer(new ActiveMQTopic("VirtualTopic.Mirror." + env.name("q")));
        MessageConsumer consumer = session.createConsumer(env.queue("q"));
        Env.sendNumbers(session, env.queue("q"), 0, 5);
        Env.expectNumbers(spy, 0, 5);
        Env.expectNumbers(consumer, 0, 5);
        Env.none(spy);
        Env.none(consumer);
    }

    private static void virtualConsumer(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer spy = session.createConsumer(new ActiveMQQueue("Consumer.A.VirtualTopic.Mirror." + env.name("q")));
        Env.sendNumbers(session, env.queue("q"), 0, 5);
        Env.expectNumbers(spy, 0, 5);
        Env.none(spy);
        Env.expectNumbers(session.createConsumer(env.queue("q")), 0, 5);
    }

    private static void temporary(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        TemporaryQueue queue = session.createTemporaryQueue();
        MessageConsumer spy = session.createConsumer(new ActiveMQTopic("VirtualTopic.Mirror." + queue.getQueueName()));
        MessageConsumer consumer = session.createConsumer(queue);
        Env.sendNumbers(session, queue, 0, 3);
        Env.expectNumbers(spy, 0, 3);
        Env.expectNumbers(consumer, 0, 3);
    }

    private static void transaction(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        Session plain = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer spy = plain.createConsumer(new ActiveMQTopic("VirtualTopic.Mirror." + env.name("q")));
        Env.sendNumbers(session, env.queue("q"), 0, 2);
        session.rollback();
        Env.sendNumbers(session, env.queue("q"), 2, 4);
        session.commit();
        Env.expectNumbers(spy, 2, 4);
        Env.expectNumbers(plain.createConsumer(env.queue("q")), 2, 4);
    }
}
