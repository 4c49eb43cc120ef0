import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.Session;

/** Looks at what OrderBeforeCases has done, at another broker on the same directory. */
final class OrderAfterCases {
    private OrderAfterCases() {
    }

    static void addTo(Suite suite) {
        suite.addBetter("order.after.counted", OrderAfterCases::counted);
        suite.addBetter("order.after.priorities", OrderAfterCases::priorities);
    }

    private static void counted(Env env) throws Exception {
        Session session = env.connect("jms.prefetchPolicy.all=1").createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(OrderBeforeCases.COUNTED);
        Message message = Env.receive(consumer);
        Env.check(message.getJMSRedelivered(), "redelivered");
        Env.equal(4, message.getIntProperty("JMSXDeliveryCount"), "delivery count");
        session.rollback();
        Env.equal(5, Env.receive(consumer).getIntProperty("JMSXDeliveryCount"), "delivery count");
        session.commit();
        Env.equal("1", Env.text(consumer), "text");
        session.commit();
    }

    private static void priorities(Env env) throws Exception {
        MessageConsumer consumer = env.session("jms.prefetchPolicy.all=1").createConsumer(OrderBeforeCases.PRIORITIES);
        for (int priority = 9; priority >= 0; priority--) {
            for (int i = priority; i < 500; i += 10) {
                Env.equal(Integer.toString(i), Env.text(consumer), "text");
            }
        }
    }
}
