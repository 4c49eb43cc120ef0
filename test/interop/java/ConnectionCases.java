import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.jms.DeliveryMode;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.advisory.AdvisorySupport;
import org.apache.activemq.advisory.ConsumerEventSource;
import org.apache.activemq.advisory.DestinationSource;
import org.apache.activemq.command.ActiveMQQueue;

/** Connections: their number, their end, failover: as transport, advisories that clients use. */
final class ConnectionCases {
    private ConnectionCases() {
    }

    static void addTo(Suite suite) {
        suite.add("connection.many", ConnectionCases::many);
        suite.add("connection.broker.info", ConnectionCases::brokerInfo);
        suite.add("connection.failover.reconnects", ConnectionCases::reconnects);
        suite.add("connection.flow.control.isolated", ConnectionCases::isolated);
        suite.add("advisory.consumers", ConnectionCases::consumerAdvisory);
        suite.add("advisory.destinations", ConnectionCases::destinationAdvisory);
        suite.add("advisory.connections", ConnectionCases::connectionAdvisory);
    }

    private static void many(Env env) throws Exception {
        Queue queue = env.queue("q");
        List<ActiveMQConnection> connections = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            ActiveMQConnection connection = env.connect();
            connections.add(connection);
            Env.sendNumbers(connection.createSession(false, Session.AUTO_ACKNOWLEDGE), queue, i, i + 1);
        }
        for (ActiveMQConnection connection : connections) {
            connection.close();
        }
        Env.expectNumbers(env.session().createConsumer(queue), 0, 60);
    }

    private static void brokerInfo(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Env.await("a BrokerInfo", () -> connection.getBrokerInfo() != null);
        Env.check(connection.getBrokerInfo().getBrokerName() != null, "broker name");
        Env.check(connection.getBrokerInfo().getBrokerId() != null, "broker id");
    }

    /** The client's tracker restores everything on one live broker when the socket is cut. */
    private static void reconnects(Env env) throws Exception {
        String uri = "failover:(" + env.factory().getBrokerURL() + ")?initialReconnectDelay=10&maxReconnectDelay=100";
        org.apache.activemq.ActiveMQConnectionFactory factory = new org.apache.activemq.ActiveMQConnectionFactory(uri);
        ActiveMQConnection connection = env.start(factory, null);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        MessageConsumer temp = session.createConsumer(session.createTemporaryQueue());
        MessageProducer producer = session.createProducer(queue);
        for (int i = 0; i < 5; i++) {
            producer.send(session.createTextMessage(Integer.toString(i)));
            Env.expectNumbers(consumer, i, i + 1);
            CountDownLatch back = new CountDownLatch(1);
            connection.addTransportListener(new org.apache.activemq.transport.DefaultTransportListener() {
                @Override
                public void transportResumed() {
                    back.countDown();
                }
            });
            org.apache.activemq.transport.failover.FailoverTransport failover =
                connection.getTransport().narrow(org.apache.activemq.transport.failover.FailoverTransport.class);
            failover.handleTransportFailure(new java.io.IOException("cut on purpose"));
            Env.check(back.await(10, TimeUnit.SECONDS), "reconnected");
        }
        Env.none(temp);
        Env.none(consumer);
    }

    /** A consumer that never reads does not keep another connection from working. */
    private static void isolated(Env env) throws Exception {
        Queue stuck = env.queue("stuck");
        Session session = env.session("jms.useAsyncSend=true");
        MessageConsumer idle = env.session().createConsumer(stuck);
        MessageProducer producer = session.createProducer(stuck);
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        byte[] body = new byte[10_000];
        for (int i = 0; i < 1500; i++) {
            javax.jms.BytesMessage message = session.createBytesMessage();
            message.writeBytes(body);
            producer.send(message);
        }
        Env.sendNumbers(env.session(), env.queue("q"), 0, 50);
        Env.expectNumbers(env.session().createConsumer(env.queue("q")), 0, 50);
        for (int i = 0; i < 1500; i++) {
            Env.receive(idle);
        }
    }

    private static void consumerAdvisory(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        ConsumerEventSource source = new ConsumerEventSource(connection, env.queue("q"));
        List<Integer> counts = new java.util.concurrent.CopyOnWriteArrayList<>();
        source.setConsumerListener(event -> counts.add(event.getConsumerCount()));
        source.start();
        Session other = env.session();
        MessageConsumer consumer = other.createConsumer(env.queue("q"));
        Env.await("a consumer event", () -> counts.equals(List.of(1)));
        consumer.close();
        Env.await("its end", () -> counts.equals(List.of(1, 0)));
        source.stop();
    }

    private static void destinationAdvisory(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        DestinationSource source = connection.getDestinationSource();
        ActiveMQQueue queue = new ActiveMQQueue(env.name("q"));
        Env.sendNumbers(env.session(), queue, 0, 1);
        Env.await("the queue in the list", () -> source.getQueues().contains(queue));
        connection.destroyDestination(queue);
        Env.await("the queue off the list", () -> !source.getQueues().contains(queue));
    }

    private static void connectionAdvisory(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer consumer = session.createConsumer(AdvisorySupport.getConnectionAdvisoryTopic());
        String id = env.name("client");
        ActiveMQConnection connection = env.start(env.factory(), id);
        boolean seen = false;
        for (Message m = consumer.receive(3000); m != null && !seen; m = seen ? null : consumer.receive(3000)) {
            seen = String.valueOf(((org.apache.activemq.command.ActiveMQMessage) m).getDataStructure()).contains(id);
        }
        Env.check(seen, "no advisory for the connection");
        connection.close();
    }
}
