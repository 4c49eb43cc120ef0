import javax.jms.Destination;
import javax.jms.JMSException;
import javax.jms.MessageConsumer;
import javax.jms.MessageFormatException;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;

/** JMSXDuplicateId: what is sent again with an id is stored once. */
final class DuplicateCases {
    private DuplicateCases() {
    }

    static void addTo(Suite suite) {
        suite.add("duplicate.queue.and.topic", DuplicateCases::once);
        suite.add("duplicate.transacted", DuplicateCases::transacted);
        suite.add("duplicate.refused", DuplicateCases::refused);
    }

    static void send(Session session, Destination to, String text, String id) throws JMSException {
        MessageProducer producer = session.createProducer(to);
        TextMessage message = session.createTextMessage(text);
        message.setStringProperty("JMSXDuplicateId", id);
        producer.send(message);
        producer.close();
    }

    private static void once(Env env) throws Exception {
        Session session = env.session();
        for (Destination to : new Destination[] {env.queue("q"), env.topic("t")}) {
            MessageConsumer consumer = session.createConsumer(to);
            send(session, to, "1", "a");
            send(env.session(), to, "again", "a");
            send(session, to, "2", "b");
            Env.equal("1", Env.text(consumer), "text");
            Env.equal("2", Env.text(consumer), "text");
            send(session, to, "again", "a");
            Env.none(consumer);
        }
    }

    private static void transacted(Env env) throws Exception {
        Session session = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        Queue queue = env.queue("q");
        MessageConsumer consumer = env.session().createConsumer(queue);
        send(session, queue, "undone", "a");
        session.rollback();
        send(session, queue, "1", "a");
        send(session, queue, "again", "a");
        send(session, queue, "2", "b");
        session.commit();
        Env.equal("1", Env.text(consumer), "text");
        Env.equal("2", Env.text(consumer), "text");
        send(session, queue, "again", "b");
        session.commit();
        Env.none(consumer);
    }

    private static void refused(Env env) throws Exception {
        Session session = env.session();
        Env.expectJMS(MessageFormatException.class, () -> {
            send(session, env.queue("q"), "x", "");
            return null;
        });
        send(session, env.queue("q"), "goes on", "a");
        Env.equal("goes on", Env.text(session.createConsumer(env.queue("q"))), "text");
    }
}
