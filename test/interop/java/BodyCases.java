import javax.jms.DeliveryMode;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;

/** Every message type with every property type, compressed and not, persistent and not. */
final class BodyCases {
    private BodyCases() {
    }

    static void addTo(Suite suite) {
        for (Bodies body : Bodies.values()) {
            for (boolean persistent : new boolean[] {true, false}) {
                for (boolean compressed : new boolean[] {false, true}) {
                    String name = "body." + body.name().toLowerCase() + (persistent ? ".persistent" : ".nonpersistent")
                        + (compressed ? ".compressed" : ".plain");
                    suite.add(name, env -> roundTrip(env, body, persistent, compressed));
                }
            }
        }
        suite.add("body.mixed.in.one.queue", BodyCases::mixed);
    }

    private static void roundTrip(Env env, Bodies body, boolean persistent, boolean compressed) throws Exception {
        Session session = env.session("jms.useCompression=" + compressed);
        Session other = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = other.createConsumer(queue);
        MessageProducer producer = session.createProducer(queue);
        producer.setDeliveryMode(persistent ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT);
        for (int variant = 0; variant < body.variants; variant++) {
            Message sent = body.create(session, variant);
            Props.setAll(sent);
            producer.send(sent);
            Message got = Env.receive(consumer);
            Env.equal(sent.getJMSMessageID(), got.getJMSMessageID(), "id");
            Env.equal(producer.getDeliveryMode(), got.getJMSDeliveryMode(), "delivery mode");
            body.check(got, variant);
            Props.checkAll(got);
        }
    }

    /** What waits in the broker before a consumer comes keeps its bytes as well. */
    private static void mixed(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        sendAll(session, session.createProducer(queue));
        MessageConsumer consumer = env.session().createConsumer(queue);
        for (Bodies body : Bodies.values()) {
            for (int variant = 0; variant < body.variants; variant++) {
                Message got = Env.receive(consumer);
                Env.equal(body + "/" + variant, got.getJMSType(), "type");
                body.check(got, variant);
                Props.checkAll(got);
            }
        }
        Env.none(consumer);
    }

    /** Sends one message of each kind and variant, its name in JMSType. */
    static void sendAll(Session session, MessageProducer producer) throws JMSException {
        for (Bodies body : Bodies.values()) {
            for (int variant = 0; variant < body.variants; variant++) {
                Message message = body.create(session, variant);
                message.setJMSType(body + "/" + variant);
                Props.setAll(message);
                producer.send(message);
            }
        }
    }
}
