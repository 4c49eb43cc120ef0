import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.jms.Destination;
import javax.jms.InvalidDestinationException;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TemporaryQueue;
import javax.jms.TemporaryTopic;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnection;

/** Temporary destinations: request and reply, ownership, deletion. */
final class TempCases {
    private TempCases() {
    }

    static void addTo(Suite suite) {
        suite.add("temp.queue.request.reply", env -> requestReply(env, true));
        suite.add("temp.topic.request.reply", env -> requestReply(env, false));
        suite.add("temp.queue.many", TempCases::many);
        suite.add("temp.consumer.of.another.connection", TempCases::foreignConsumer);
        suite.add("temp.delete.with.consumer", TempCases::deleteWithConsumer);
        suite.add("temp.send.after.delete", env -> sendAfter(env, false));
        suite.add("temp.send.after.close", env -> sendAfter(env, true));
        suite.add("temp.messages.die.with.connection", TempCases::dies);
    }

    /** A replier on another connection that answers until its session closes. */
    private static void replier(Env env, Queue requests) throws JMSException {
        Session session = env.session();
        MessageProducer replies = session.createProducer(null);
        session.createConsumer(requests).setMessageListener(request -> {
            try {
                TextMessage reply = session.createTextMessage("re: " + ((TextMessage) request).getText());
                reply.setJMSCorrelationID(request.getJMSMessageID());
                replies.send(request.getJMSReplyTo(), reply);
            } catch (JMSException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    private static void requestReply(Env env, boolean queue) throws Exception {
        Queue requests = env.queue("requests");
        replier(env, requests);
        Session session = env.session();
        Destination inbox = queue ? session.createTemporaryQueue() : session.createTemporaryTopic();
        MessageConsumer consumer = session.createConsumer(inbox);
        MessageProducer producer = session.createProducer(requests);
        for (int i = 0; i < 50; i++) {
            TextMessage request = session.createTextMessage("r" + i);
            request.setJMSReplyTo(inbox);
            producer.send(request);
            TextMessage reply = (TextMessage) Env.receive(consumer);
            Env.equal("re: r" + i, reply.getText(), "reply");
            Env.equal(request.getJMSMessageID(), reply.getJMSCorrelationID(), "correlation id");
            Env.equal(inbox, reply.getJMSDestination(), "destination");
        }
        consumer.close();
        if (queue) {
            ((TemporaryQueue) inbox).delete();
        } else {
            ((TemporaryTopic) inbox).delete();
        }
    }

    /** A new temporary queue for each request, deleted after it, as Spring's JmsTemplate does. */
    private static void many(Env env) throws Exception {
        Queue requests = env.queue("requests");
        replier(env, requests);
        Session session = env.session();
        MessageProducer producer = session.createProducer(requests);
        for (int i = 0; i < 50; i++) {
            TemporaryQueue inbox = session.createTemporaryQueue();
            MessageConsumer consumer = session.createConsumer(inbox);
            TextMessage request = session.createTextMessage("r" + i);
            request.setJMSReplyTo(inbox);
            producer.send(request);
            Env.equal("re: r" + i, Env.text(consumer), "reply");
            consumer.close();
            inbox.delete();
        }
    }

    private static void foreignConsumer(Env env) throws Exception {
        TemporaryQueue inbox = env.session().createTemporaryQueue();
        Session other = env.session();
        Env.expect(InvalidDestinationException.class, () -> other.createConsumer(inbox));
    }

    private static void deleteWithConsumer(Env env) throws Exception {
        Session session = env.session();
        TemporaryQueue queue = session.createTemporaryQueue();
        MessageConsumer consumer = session.createConsumer(queue);
        Env.expect(JMSException.class, () -> {
            queue.delete();
            return null;
        });
        Env.sendNumbers(session, queue, 0, 1);
        Env.expectNumbers(consumer, 0, 1);
        consumer.close();
        queue.delete();
    }

    /** Another connection learns, by advisory or by the broker's answer, that the destination is gone. */
    private static void sendAfter(Env env, boolean close) throws Exception {
        ActiveMQConnection owner = env.connect();
        TemporaryQueue inbox = owner.createSession(false, Session.AUTO_ACKNOWLEDGE).createTemporaryQueue();
        Session session = env.session();
        MessageProducer producer = session.createProducer(null);
        producer.send(inbox, session.createTextMessage("works"));
        if (close) {
            owner.close();
        } else {
            inbox.delete();
        }
        Env.await("an error from a deleted destination", () -> {
            try {
                producer.send(inbox, session.createTextMessage("lost"));
                return false;
            } catch (JMSException e) {
                return true;
            }
        });
    }

    /** The connection that owned it takes the destination along; others go on. */
    private static void dies(Env env) throws Exception {
        ActiveMQConnection owner = env.connect();
        Session session = owner.createSession(false, Session.AUTO_ACKNOWLEDGE);
        TemporaryTopic topic = session.createTemporaryTopic();
        CountDownLatch got = new CountDownLatch(1);
        session.createConsumer(topic).setMessageListener((Message m) -> got.countDown());
        Session other = env.session();
        MessageProducer producer = other.createProducer(topic);
        producer.send(other.createTextMessage("x"));
        Env.check(got.await(10, TimeUnit.SECONDS), "message through the temporary topic");
        owner.close();
        Env.sendNumbers(other, env.queue("q"), 0, 1);
        Env.expectNumbers(other.createConsumer(env.queue("q")), 0, 1);
    }
}
