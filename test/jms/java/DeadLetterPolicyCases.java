import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.command.ActiveMQDestination;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;

/** Dead letter strategies; a case's name says which policy its destinations have. */
final class DeadLetterPolicyCases {
    private DeadLetterPolicyCases() {
    }

    static void addTo(Suite suite) {
        suite.add("dead.individual.queue", env -> individual(env, env.queue("q"), "IND.Q." + env.name("q") + ".end"));
        suite.add("dead.individual.topic", env -> individual(env, env.topic("t"), "IND.T." + env.name("t")));
        suite.add("dead.individual.again", DeadLetterPolicyCases::again);
        suite.add("dead.shared.topic", DeadLetterPolicyCases::deadLetterTopic);
        suite.add("dead.shared.own.loop", DeadLetterPolicyCases::loop);
        suite.add("dead.discard", DeadLetterPolicyCases::discard);
        suite.add("dead.transient.kept", DeadLetterPolicyCases::transientKept);
        suite.add("dead.transient.dropped", DeadLetterPolicyCases::transientDropped);
        suite.add("dead.expired.kept", DeadLetterPolicyCases::expiredKept);
        suite.add("dead.expired.dropped", DeadLetterPolicyCases::expiredDropped);
        suite.add("dead.expired.swept", DeadLetterPolicyCases::swept);
        suite.add("dead.expired.offline", DeadLetterPolicyCases::offline);
        suite.add("dead.mortal", DeadLetterPolicyCases::mortal);
        suite.add("dead.durable.one", DeadLetterPolicyCases::durablesOne);
        suite.add("dead.durable.each", DeadLetterPolicyCases::durablesEach);
        suite.add("dead.transacted.properties", DeadLetterPolicyCases::properties);
    }

    private static TextMessage dead(Env env, String name) throws Exception {
        return (TextMessage) Env.receive(env.session().createConsumer(new ActiveMQQueue(name)));
    }

    private static void none(Env env, String name) throws Exception {
        Env.none(env.session().createConsumer(new ActiveMQQueue(name)));
    }

    /** Sends one message and refuses it until it is a dead letter. */
    private static void poison(Env env, Destination to, int mode) throws Exception {
        ActiveMQConnection connection = env.connect("jms.redeliveryPolicy.maximumRedeliveries=0");
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(to);
        MessageProducer producer = env.session().createProducer(to);
        producer.setDeliveryMode(mode);
        producer.send(session.createTextMessage("poison"));
        Env.receive(consumer);
        session.rollback();
        Env.none(consumer);
    }

    private static void individual(Env env, Destination to, String dlq) throws Exception {
        if (to instanceof Topic topic) {
            durablePoison(env, topic, env.name("c"));
        } else {
            poison(env, to, DeliveryMode.PERSISTENT);
        }
        Message m = dead(env, dlq);
        Env.check(m.getStringProperty("dlqDeliveryFailureCause") != null, "no cause");
    }

    private static void durablePoison(Env env, Topic topic, String... clients) throws Exception {
        Session[] sessions = new Session[clients.length];
        MessageConsumer[] consumers = new MessageConsumer[clients.length];
        for (int i = 0; i < clients.length; i++) {
            ActiveMQConnection connection = env.start(env.factory("jms.redeliveryPolicy.maximumRedeliveries=0"), clients[i]);
            sessions[i] = connection.createSession(true, Session.SESSION_TRANSACTED);
            consumers[i] = sessions[i].createDurableSubscriber(topic, "s");
        }
        Session sender = env.session();
        sender.createProducer(topic).send(sender.createTextMessage("poison"));
        for (int i = 0; i < clients.length; i++) {
            Env.receive(consumers[i]);
            sessions[i].rollback();
            Env.none(consumers[i]);
        }
    }

    /** A dead letter of a dead letter queue has one of its own, if a policy covers it. */
    private static void again(Env env) throws Exception {
        Queue queue = env.queue("q");
        poison(env, queue, DeliveryMode.PERSISTENT);
        Queue first = new ActiveMQQueue("IND.Q." + queue.getQueueName() + ".end");
        Session session = env.connect("jms.redeliveryPolicy.maximumRedeliveries=0").createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(first);
        Env.receive(consumer);
        session.rollback();
        Env.none(consumer);
        Env.none(env.session().createConsumer(first));
        Session all = env.session();
        MessageConsumer shared = all.createConsumer(new ActiveMQQueue("ActiveMQ.DLQ"));
        for (Message m = Env.receive(shared);; m = Env.receive(shared)) {
            if (m.getStringProperty("dlqDeliveryFailureCause") != null && ((TextMessage) m).getText().equals("poison")) {
                return;
            }
        }
    }

    private static void deadLetterTopic(Env env) throws Exception {
        MessageConsumer listener = env.session().createConsumer(new ActiveMQTopic("DEAD.TOPIC"));
        poison(env, env.queue("q"), DeliveryMode.PERSISTENT);
        Env.equal("poison", Env.text(listener), "text");
    }

    /** What fails in its own dead letter queue is gone. */
    private static void loop(Env env) throws Exception {
        Queue own = new ActiveMQQueue("LOOP.DLQ");
        poison(env, own, DeliveryMode.PERSISTENT);
        none(env, "LOOP.DLQ");
    }

    private static void discard(Env env) throws Exception {
        poison(env, env.queue("q"), DeliveryMode.PERSISTENT);
        none(env, "IND.Q." + env.name("q") + ".end");
    }

    private static void transientKept(Env env) throws Exception {
        poison(env, env.queue("q"), DeliveryMode.NON_PERSISTENT);
        Message m = dead(env, "KEPT." + env.name("q"));
        Env.equal(DeliveryMode.PERSISTENT, m.getJMSDeliveryMode(), "delivery mode");
        Env.equal("NON_PERSISTENT", m.getStringProperty("originalDeliveryMode"), "originalDeliveryMode");
    }

    private static void transientDropped(Env env) throws Exception {
        poison(env, env.queue("q"), DeliveryMode.NON_PERSISTENT);
        none(env, "DROPPED." + env.name("q"));
    }

    private static void expire(Env env, Queue queue) throws Exception {
        Session session = env.session();
        MessageProducer producer = session.createProducer(queue);
        producer.setTimeToLive(1);
        producer.send(session.createTextMessage("late"));
        Thread.sleep(5);
        Env.none(session.createConsumer(queue));
    }

    private static void expiredKept(Env env) throws Exception {
        expire(env, env.queue("q"));
        Message m = dead(env, "KEPT." + env.name("q"));
        Env.equal(0L, m.getJMSExpiration(), "expiration");
        Env.check(m.getLongProperty("originalExpiration") > 0, "originalExpiration");
        Env.check(m.getStringProperty("dlqDeliveryFailureCause").contains("Message Expired"), "cause");
    }

    private static void expiredDropped(Env env) throws Exception {
        expire(env, env.queue("q"));
        none(env, "DROPPED." + env.name("q"));
    }

    /** Nobody consumes. */
    private static void swept(Env env) throws Exception {
        Session session = env.session();
        MessageProducer producer = session.createProducer(env.queue("q"));
        producer.setTimeToLive(1);
        producer.send(session.createTextMessage("late"));
        Env.equal("late", dead(env, "KEPT." + env.name("q")).getText(), "text");
    }

    private static void offline(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = env.start(env.factory(), env.name("c"));
        connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "s");
        connection.close();
        Session session = env.session();
        MessageProducer producer = session.createProducer(topic);
        producer.setTimeToLive(1);
        producer.send(session.createTextMessage("late"));
        producer.setTimeToLive(0);
        producer.send(session.createTextMessage("kept"));
        Env.equal("late", dead(env, "KEPT." + env.name("t")).getText(), "text");
        connection = env.start(env.factory(), env.name("c"));
        Session again = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = again.createDurableSubscriber(topic, "s");
        Env.equal("kept", Env.text(consumer), "text");
        Env.none(consumer);
    }

    /** Dead letters that die. */
    private static void mortal(Env env) throws Exception {
        poison(env, env.queue("q"), DeliveryMode.PERSISTENT);
        Message m = dead(env, "MORTAL.DLQ");
        long left = m.getJMSExpiration() - System.currentTimeMillis();
        Env.check(left > 0 && left <= 60_000, "expires in " + left);
    }

    private static void durablesOne(Env env) throws Exception {
        durablePoison(env, env.topic("t"), env.name("c1"), env.name("c2"));
        MessageConsumer consumer = env.session().createConsumer(new ActiveMQQueue("IND.T." + env.name("t")));
        Env.receive(consumer);
        Env.none(consumer);
    }

    private static void durablesEach(Env env) throws Exception {
        durablePoison(env, env.topic("t"), env.name("c1"), env.name("c2"));
        for (String client : new String[] {"c1", "c2"}) {
            dead(env, "EACH." + env.name("t") + "." + env.name(client) + ":s");
        }
    }

    private static void properties(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session session = env.connect("jms.redeliveryPolicy.maximumRedeliveries=1", "jms.redeliveryPolicy.initialRedeliveryDelay=1")
            .createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(queue);
        Session sender = env.session();
        TextMessage message = sender.createTextMessage("poison");
        message.setStringProperty("colour", "red");
        message.setJMSCorrelationID("c");
        sender.createProducer(queue).send(message);
        for (int i = 1; i <= 2; i++) {
            Env.equal(i, Env.receive(consumer).getIntProperty("JMSXDeliveryCount"), "delivery count");
            session.rollback();
        }
        Env.none(consumer);
        TextMessage m = dead(env, "KEPT." + env.name("q"));
        Env.equal("red", m.getStringProperty("colour"), "colour");
        Env.equal("c", m.getJMSCorrelationID(), "correlation");
        Env.equal(message.getJMSMessageID(), m.getJMSMessageID(), "id");
        Env.equal(false, m.getJMSRedelivered(), "redelivered");
        Env.equal(queue, ((org.apache.activemq.command.ActiveMQMessage) m).getOriginalDestination(), "original destination");
        Env.check(m.getStringProperty("dlqDeliveryFailureCause").startsWith("java.lang.Throwable: "), "cause");
        Env.equal("KEPT." + env.name("q"), ((ActiveMQDestination) m.getJMSDestination()).getPhysicalName(), "destination");
    }
}
