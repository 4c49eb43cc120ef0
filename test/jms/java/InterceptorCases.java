import javax.jms.Destination;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;

/** Destinations that stand for others, as they are configured. */
final class InterceptorCases {
    private InterceptorCases() {
    }

    static void addTo(Suite suite) {
        suite.add("dest.composite.send", DestinationCases::compositeSend);
        suite.add("virtual.composite.queue", env -> composite(env, new ActiveMQQueue("MY.QUEUE")));
        suite.add("virtual.composite.topic", env -> composite(env, new ActiveMQTopic("MY.TOPIC")));
        suite.add("virtual.filtered", InterceptorCases::filtered);
        suite.add("virtual.not.forward.only", InterceptorCases::kept);
        suite.add("virtual.when.not.matched", InterceptorCases::notMatched);
        suite.add("virtual.custom.prefix", InterceptorCases::prefix);
        suite.add("virtual.selector.aware", InterceptorCases::selectorAware);
        suite.add("virtual.keep.destination", InterceptorCases::keepDestination);
        suite.add("virtual.nested", InterceptorCases::nested);
        suite.add("virtual.dead.letters", InterceptorCases::deadLetters);
    }

    private static TextMessage text(Session session, int i) throws Exception {
        TextMessage message = session.createTextMessage(Integer.toString(i));
        message.setStringProperty("odd", i % 2 == 1 ? "yes" : "no");
        return message;
    }

    private static void composite(Env env, Destination from) throws Exception {
        Session session = env.session();
        MessageConsumer foo = session.createConsumer(new ActiveMQQueue("FOO"));
        MessageConsumer bar = session.createConsumer(new ActiveMQTopic("BAR"));
        MessageConsumer own = session.createConsumer(from);
        Env.sendNumbers(session, from, 0, 10);
        for (int i = 0; i < 10; i++) {
            Message message = Env.receive(foo);
            Env.equal(Integer.toString(i), ((TextMessage) message).getText(), "text");
            Env.equal(new ActiveMQQueue("FOO"), message.getJMSDestination(), "destination");
            Env.equal(from, ((org.apache.activemq.command.Message) message).getOriginalDestination(), "original");
        }
        Env.expectNumbers(bar, 0, 10);
        Env.none(own);
    }

    private static void filtered(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer odd = session.createConsumer(new ActiveMQQueue("ODD"));
        MessageConsumer even = session.createConsumer(new ActiveMQTopic("EVEN"));
        MessageProducer producer = session.createProducer(new ActiveMQQueue("FILTERED"));
        for (int i = 0; i < 6; i++) {
            producer.send(text(session, i));
        }
        for (int i = 0; i < 6; i += 2) {
            Env.equal(Integer.toString(i), Env.text(even), "even");
            Env.equal(Integer.toString(i + 1), Env.text(odd), "odd");
        }
        Env.none(odd);
    }

    private static void kept(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer copy = session.createConsumer(new ActiveMQQueue("KEPT.COPY"));
        MessageConsumer own = session.createConsumer(new ActiveMQQueue("KEPT"));
        Env.sendNumbers(session, new ActiveMQQueue("KEPT"), 0, 3);
        Env.expectNumbers(copy, 0, 3);
        Env.expectNumbers(own, 0, 3);
    }

    private static void notMatched(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer matched = session.createConsumer(new ActiveMQQueue("A.C"));
        MessageConsumer own = session.createConsumer(new ActiveMQQueue("A.B"));
        MessageProducer producer = session.createProducer(new ActiveMQQueue("A.B"));
        producer.send(text(session, 1));
        producer.send(text(session, 2));
        Env.equal("1", Env.text(matched), "matched");
        Env.equal("2", Env.text(own), "own");
        Env.none(matched);
        Env.none(own);
    }

    private static void prefix(Env env) throws Exception {
        Session session = env.session();
        String name = "PUBLISHED." + env.name("t");
        MessageConsumer a = session.createConsumer(new ActiveMQQueue("To.A." + name + ".END"));
        MessageConsumer old = session.createConsumer(new ActiveMQQueue("Consumer.A.VirtualTopic." + name));
        Env.sendNumbers(session, new ActiveMQTopic(name), 0, 3);
        Env.expectNumbers(a, 0, 3);
        Env.sendNumbers(session, new ActiveMQTopic("VirtualTopic." + name), 0, 1);
        Env.none(old);
    }

    private static void selectorAware(Env env) throws Exception {
        Session session = env.session();
        ActiveMQTopic topic = new ActiveMQTopic("AWARE." + env.name("t"));
        ActiveMQQueue queue = new ActiveMQQueue("Aware.A." + topic.getTopicName());
        MessageConsumer odd = session.createConsumer(queue, "odd = 'yes'");
        MessageProducer producer = session.createProducer(topic);
        for (int i = 0; i < 4; i++) {
            producer.send(text(session, i));
        }
        Env.equal("1", Env.text(odd), "odd");
        Env.equal("3", Env.text(odd), "odd");
        odd.close();
        MessageConsumer all = session.createConsumer(queue);
        Env.none(all);
        producer.send(text(session, 4));
        Env.equal("4", Env.text(all), "without a selector");
    }

    private static void keepDestination(Env env) throws Exception {
        Session session = env.session();
        ActiveMQTopic topic = new ActiveMQTopic("SAME." + env.name("t"));
        MessageConsumer a = session.createConsumer(new ActiveMQQueue("Same.A." + topic.getTopicName()));
        Env.sendNumbers(session, topic, 0, 2);
        Message message = Env.receive(a);
        Env.equal(topic, message.getJMSDestination(), "destination");
        Env.equal(null, ((org.apache.activemq.command.Message) message).getOriginalDestination(), "original");
        Env.equal("1", Env.text(a), "text");
    }

    /** A composite queue forwards to a virtual topic, whose queues get it. */
    private static void nested(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer a = session.createConsumer(new ActiveMQQueue("To.A.PUBLISHED.NESTED.END"));
        MessageConsumer b = session.createConsumer(new ActiveMQQueue("To.B.PUBLISHED.NESTED.END"));
        Env.sendNumbers(session, new ActiveMQQueue("NEST"), 0, 3);
        Env.expectNumbers(a, 0, 3);
        Env.expectNumbers(b, 0, 3);
        Session transacted = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        Env.sendNumbers(transacted, new ActiveMQQueue("NEST"), 0, 3);
        transacted.rollback();
        Env.sendNumbers(transacted, new ActiveMQQueue("NEST"), 3, 6);
        transacted.commit();
        Env.expectNumbers(a, 3, 6);
        Env.expectNumbers(b, 3, 6);
    }

    /** What one of the queues cannot deliver is a dead letter of that queue. */
    private static void deadLetters(Env env) throws Exception {
        Session session = env.session();
        ActiveMQTopic topic = new ActiveMQTopic("PUBLISHED." + env.name("t"));
        ActiveMQQueue a = new ActiveMQQueue("To.A." + topic.getTopicName() + ".END");
        session.createConsumer(a).close();
        Session client = env.connect("jms.redeliveryPolicy.maximumRedeliveries=0").createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = client.createConsumer(a);
        Env.sendNumbers(session, topic, 0, 1);
        Env.text(consumer);
        client.rollback();
        MessageConsumer dead = session.createConsumer(new ActiveMQQueue("ActiveMQ.DLQ"));
        Message message = Env.receive(dead);
        Env.equal("0", ((TextMessage) message).getText(), "text");
        Env.equal(a, ((org.apache.activemq.command.Message) message).getOriginalDestination(), "original");
    }
}
