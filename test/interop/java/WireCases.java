import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TemporaryQueue;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;

/** The wire format's options: encodings, cache, versions, inactivity. */
final class WireCases {
    private WireCases() {
    }

    static void addTo(Suite suite) {
        for (boolean tight : new boolean[] {true, false}) {
            for (boolean cache : new boolean[] {true, false}) {
                String[] options = {"wireFormat.tightEncodingEnabled=" + tight, "wireFormat.cacheEnabled=" + cache};
                String name = "wire." + (tight ? "tight" : "loose") + (cache ? ".cache" : ".nocache");
                suite.add(name, env -> everything(env, options));
            }
        }
        for (int version = 1; version <= 12; version++) {
            for (boolean tight : new boolean[] {true, false}) {
                String[] options = {"wireFormat.version=" + version, "wireFormat.tightEncodingEnabled=" + tight};
                suite.add("wire.version." + version + (tight ? ".tight" : ".loose"), env -> everything(env, options));
            }
        }
        suite.add("wire.cache.evicts", WireCases::cacheEvicts);
        suite.add("wire.between.encodings", WireCases::between);
        suite.add("wire.size.prefix.and.nodelay", env -> everything(env, "wireFormat.tcpNoDelayEnabled=false"));
        suite.add("wire.no.stack.traces", WireCases::noStackTraces);
        suite.add("wire.inactivity.keeps.alive", WireCases::keepsAlive);
        suite.add("wire.inactivity.disconnects.the.silent", WireCases::silent);
        suite.add("wire.inactivity.off", WireCases::inactivityOff);
    }

    private static void everything(Env env, String... options) throws Exception {
        ActiveMQConnection connection = env.start(env.factory(options), env.name("client"));
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        BodyCases.sendAll(session, session.createProducer(queue));
        for (Bodies body : Bodies.values()) {
            for (int variant = 0; variant < body.variants; variant++) {
                Message got = Env.receive(consumer);
                Env.equal(body + "/" + variant, got.getJMSType(), "type");
                body.check(got, variant);
                Props.checkAll(got);
            }
        }
        Topic topic = env.topic("t");
        MessageConsumer durable = session.createDurableSubscriber(topic, "sub");
        MessageConsumer plain = session.createConsumer(topic);
        Env.sendNumbers(session, topic, 0, 5);
        Env.expectNumbers(durable, 0, 5);
        Env.expectNumbers(plain, 0, 5);
        durable.close();
        session.unsubscribe("sub");
        requestReply(env, session);
        transactions(connection, queue, consumer);
        Env.sendNumbers(session, env.queue("b"), 0, 3);
        Env.equal(3, QueueCases.browse(session, env.queue("b")).size(), "browsed");
    }

    private static void requestReply(Env env, Session session) throws Exception {
        TemporaryQueue inbox = session.createTemporaryQueue();
        MessageConsumer replies = session.createConsumer(inbox);
        MessageConsumer requests = session.createConsumer(env.queue("r"));
        TextMessage request = session.createTextMessage("?");
        request.setJMSReplyTo(inbox);
        request.setJMSCorrelationID("c1");
        session.createProducer(env.queue("r")).send(request);
        Message got = Env.receive(requests);
        Message reply = session.createTextMessage("!");
        reply.setJMSCorrelationID(got.getJMSCorrelationID());
        session.createProducer(got.getJMSReplyTo()).send(reply);
        Env.equal("c1", Env.receive(replies).getJMSCorrelationID(), "correlation id");
        replies.close();
        inbox.delete();
    }

    private static void transactions(ActiveMQConnection connection, Queue queue, MessageConsumer consumer) throws Exception {
        Session transacted = connection.createSession(true, Session.SESSION_TRANSACTED);
        Env.sendNumbers(transacted, queue, 0, 3);
        transacted.rollback();
        Env.sendNumbers(transacted, queue, 3, 6);
        transacted.commit();
        Env.expectNumbers(consumer, 3, 6);
    }

    /** More distinct destinations and producers than the marshalling cache has slots. */
    private static void cacheEvicts(Env env) throws Exception {
        // the client's eviction needs more than its MARSHAL_CACHE_FREE_SPACE of 100
        Session session = env.session("wireFormat.cacheSize=200");
        Session other = env.session("wireFormat.cacheSize=150");
        MessageProducer anonymous = session.createProducer(null);
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < 300; i++) {
                anonymous.send(env.queue("q" + i), session.createTextMessage(Integer.toString(round)));
            }
        }
        for (int i = 0; i < 300; i++) {
            MessageConsumer consumer = other.createConsumer(env.queue("q" + i));
            Env.expectNumbers(consumer, 0, 2);
            consumer.close();
        }
    }

    /** What one encoding sent, another receives. */
    private static void between(Env env) throws Exception {
        String[][] options = {
            {"wireFormat.tightEncodingEnabled=true", "wireFormat.cacheEnabled=true"},
            {"wireFormat.tightEncodingEnabled=false", "wireFormat.cacheEnabled=true"},
            {"wireFormat.tightEncodingEnabled=false", "wireFormat.cacheEnabled=false"},
            {"wireFormat.version=3"},
            {"wireFormat.version=9", "wireFormat.tightEncodingEnabled=false"},
        };
        for (int from = 0; from < options.length; from++) {
            for (int to = 0; to < options.length; to++) {
                Queue queue = env.queue(from + "to" + to);
                Session sender = env.session(options[from]);
                BodyCases.sendAll(sender, sender.createProducer(queue));
                MessageConsumer consumer = env.session(options[to]).createConsumer(queue);
                for (Bodies body : Bodies.values()) {
                    for (int variant = 0; variant < body.variants; variant++) {
                        Message got = Env.receive(consumer);
                        body.check(got, variant);
                        Props.checkAll(got);
                    }
                }
            }
        }
    }

    /** An error is still an error when the broker may not send its stack. */
    private static void noStackTraces(Env env) throws Exception {
        Session session = env.session("wireFormat.stackTraceEnabled=false");
        Env.expect(javax.jms.InvalidDestinationException.class, () -> {
            session.unsubscribe(env.name("unknown"));
            return null;
        });
    }

    private static CountDownLatch brokenLatch(ActiveMQConnection connection) throws Exception {
        CountDownLatch broken = new CountDownLatch(1);
        connection.setExceptionListener(e -> broken.countDown());
        return broken;
    }

    private static void keepsAlive(Env env) throws Exception {
        ActiveMQConnection connection = env.connect("wireFormat.maxInactivityDuration=600",
            "wireFormat.maxInactivityDurationInitalDelay=300");
        CountDownLatch broken = brokenLatch(connection);
        Env.check(!broken.await(3, TimeUnit.SECONDS), "connection broke while idle");
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Env.sendNumbers(session, env.queue("q"), 0, 1);
        Env.expectNumbers(session.createConsumer(env.queue("q")), 0, 1);
    }

    /** A client that neither sends nor keeps alive is cut off and its messages go to another. */
    private static void silent(Env env) throws Exception {
        ActiveMQConnection connection = env.connect("wireFormat.maxInactivityDuration=800",
            "wireFormat.maxInactivityDurationInitalDelay=400", "useKeepAlive=false");
        CountDownLatch broken = brokenLatch(connection);
        Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        Env.sendNumbers(session, env.queue("q"), 0, 2);
        Env.expectNumbers(session.createConsumer(env.queue("q")), 0, 2);
        Env.check(broken.await(8, TimeUnit.SECONDS), "connection was not cut");
        Env.expectNumbers(env.session().createConsumer(env.queue("q")), 0, 2);
    }

    private static void inactivityOff(Env env) throws Exception {
        ActiveMQConnection connection = env.connect("wireFormat.maxInactivityDuration=0");
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Env.sendNumbers(session, env.queue("q"), 0, 1);
        Env.expectNumbers(session.createConsumer(env.queue("q")), 0, 1);
    }
}
