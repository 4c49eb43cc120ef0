import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.Queue;
import javax.jms.Session;
import org.apache.activemq.ActiveMQConnection;

/** redeliveryPlugin: the broker delivers again what a consumer has given up. */
final class RedeliveryCases {
    private RedeliveryCases() {
    }

    static void addTo(Suite suite) {
        suite.add("redelivery.twice.then.dead", RedeliveryCases::twice);
        suite.add("redelivery.other.consumer", RedeliveryCases::other);
    }

    /** A transacted consumer whose client gives a message up at its first rollback. */
    private static Session impatient(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        connection.getRedeliveryPolicy().setMaximumRedeliveries(0);
        return connection.createSession(true, Session.SESSION_TRANSACTED);
    }

    private static void twice(Env env) throws Exception {
        Queue queue = env.queue("q");
        String id = Env.sendNumbers(env.session(), queue, 0, 1).get(0);
        Session session = impatient(env);
        MessageConsumer consumer = session.createConsumer(queue);
        for (int i = 1; i <= 3; i++) {
            long began = System.currentTimeMillis();
            Message got = Env.receive(consumer);
            Env.equal(id, got.getJMSMessageID(), "JMSMessageID");
            Env.equal(i, got.getIntProperty("JMSXDeliveryCount"), "JMSXDeliveryCount");
            if (i > 1) {
                Env.check(System.currentTimeMillis() - began > 800, "came at once");
                Env.equal(true, got.getJMSRedelivered(), "JMSRedelivered");
                Env.equal(1000L, got.getLongProperty("redeliveryDelay"), "redeliveryDelay");
            }
            session.rollback();
        }
        Env.none(consumer);
        MessageConsumer dead = env.session().createConsumer(env.session().createQueue("ActiveMQ.DLQ"), "JMSMessageID = '" + id + "'");
        Env.equal("0", Env.text(dead), "dead letter");
    }

    private static void other(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 1);
        Session session = impatient(env);
        MessageConsumer consumer = session.createConsumer(queue);
        Env.receive(consumer);
        session.rollback();
        consumer.close();
        Env.equal("0", Env.text(env.session().createConsumer(queue)), "text");
    }
}
