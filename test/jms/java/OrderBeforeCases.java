import javax.jms.Connection;
import javax.jms.Message;
import javax.jms.Session;
import org.apache.activemq.command.ActiveMQQueue;

/** What is done before a broker is killed; OrderAfterCases looks at it. */
final class OrderBeforeCases {
    /** Has persistJMSRedelivered. */
    static final ActiveMQQueue COUNTED = new ActiveMQQueue("counted.order");
    static final ActiveMQQueue PRIORITIES = new ActiveMQQueue("priority.order");

    private OrderBeforeCases() {
    }

    static void addTo(Suite suite) {
        suite.addBetter("order.before.counted", OrderBeforeCases::counted);
        suite.addBetter("order.before.priorities", OrderBeforeCases::priorities);
    }

    private static void counted(Env env) throws Exception {
        Env.sendNumbers(env.session(), COUNTED, 0, 2);
        for (int i = 1; i <= 3; i++) {
            Connection connection = env.connect("jms.prefetchPolicy.all=1");
            Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
            Message message = Env.receive(session.createConsumer(COUNTED));
            Env.equal(i, message.getIntProperty("JMSXDeliveryCount"), "delivery count");
            session.rollback();
            connection.close();
        }
    }

    private static void priorities(Env env) throws Exception {
        Session session = env.session();
        var producer = session.createProducer(PRIORITIES);
        for (int i = 0; i < 500; i++) {
            producer.setPriority(i % 10);
            producer.send(session.createTextMessage(Integer.toString(i)));
        }
    }
}
