import java.util.Set;
import java.util.TreeSet;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TemporaryQueue;
import javax.jms.TemporaryTopic;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQMessageConsumer;
import org.apache.activemq.advisory.AdvisorySupport;
import org.apache.activemq.advisory.ConsumerEvent;
import org.apache.activemq.advisory.ConsumerEventSource;
import org.apache.activemq.advisory.DestinationSource;
import org.apache.activemq.command.ActiveMQDestination;
import org.apache.activemq.command.ActiveMQMessage;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTempQueue;
import org.apache.activemq.command.ActiveMQTopic;
import org.apache.activemq.command.ConnectionId;
import org.apache.activemq.command.ConnectionInfo;
import org.apache.activemq.command.ConsumerId;
import org.apache.activemq.command.ConsumerInfo;
import org.apache.activemq.command.DestinationInfo;
import org.apache.activemq.command.ProducerId;
import org.apache.activemq.command.ProducerInfo;
import org.apache.activemq.command.RemoveInfo;

/** What a broker tells those who listen to its advisory topics. Names with ".told" have all advisories on. */
final class AdvisoryCases {
    private AdvisoryCases() {
    }

    static void addTo(Suite suite) {
        suite.add("advisory.master", env -> next(env.session().createConsumer(topic("MasterBroker"))));
        suite.add("advisory.connection", AdvisoryCases::connection);
        suite.add("advisory.consumer", AdvisoryCases::consumer);
        suite.add("advisory.producer", AdvisoryCases::producer);
        suite.add("advisory.producer.anonymous", AdvisoryCases::anonymous);
        suite.add("advisory.destination", AdvisoryCases::destination);
        suite.add("advisory.temporary", AdvisoryCases::temporary);
        suite.add("advisory.destination.source", AdvisoryCases::destinationSource);
        suite.add("advisory.consumer.source", AdvisoryCases::consumerSource);
        suite.add("advisory.told.delivered.consumed", AdvisoryCases::deliveredAndConsumed);
        suite.add("advisory.told.topic.delivered", AdvisoryCases::topicDelivered);
        suite.add("advisory.silent", AdvisoryCases::silent);
        suite.add("advisory.expired", AdvisoryCases::expired);
        suite.add("advisory.dlqd", AdvisoryCases::deadLettered);
        suite.add("advisory.told.no.consumer.queue", env -> noConsumer(env, env.queue("told"), "Queue."));
        suite.add("advisory.told.no.consumer.topic", env -> noConsumer(env, env.topic("told"), "Topic."));
        suite.add("advisory.told.slow.and.discarded", AdvisoryCases::slowAndDiscarded);
        suite.add("advisory.told.full", AdvisoryCases::full);
        suite.addBetter("advisory.told.dispatched", AdvisoryCases::dispatched);
        suite.addBetter("advisory.slow.listener", AdvisoryCases::slowListener);
    }

    private static ActiveMQTopic topic(String name) {
        return new ActiveMQTopic("ActiveMQ.Advisory." + name);
    }

    private static ActiveMQMessage next(MessageConsumer consumer) throws Exception {
        ActiveMQMessage message = (ActiveMQMessage) Env.receive(consumer);
        Env.equal("Advisory", message.getJMSType(), "JMSType");
        for (String name : new String[] {"originBrokerId", "originBrokerName", "originBrokerURL"}) {
            Env.check(message.getStringProperty(name) != null, name + " is missing");
        }
        return message;
    }

    private static void connection(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer listener = session.createConsumer(topic("Connection"));
        ActiveMQConnection other = env.start(env.factory(), env.name("id"));
        ConnectionId id = other.getConnectionInfo().getConnectionId();
        ConnectionInfo info;
        do {
            info = (ConnectionInfo) next(listener).getDataStructure();
        } while (!info.getConnectionId().equals(id));
        Env.equal(env.name("id"), info.getClientId(), "client id");
        other.close();
        for (;;) {
            if (next(listener).getDataStructure() instanceof RemoveInfo gone && gone.getObjectId().equals(id)) {
                return;
            }
        }
    }

    private static void consumer(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer early = session.createConsumer(queue);
        MessageConsumer listener = session.createConsumer(AdvisorySupport.getConsumerAdvisoryTopic(queue));
        ActiveMQMessage m = next(listener);
        Env.equal(1, m.getIntProperty("consumerCount"), "consumerCount for a late listener");
        Env.equal(queue, ((ConsumerInfo) m.getDataStructure()).getDestination(), "destination");
        MessageConsumer late = session.createConsumer(queue, "a = 1");
        m = next(listener);
        Env.equal(2, m.getIntProperty("consumerCount"), "consumerCount");
        ConsumerInfo info = (ConsumerInfo) m.getDataStructure();
        Env.equal("a = 1", info.getSelector(), "selector");
        ConsumerId id = ((ActiveMQMessageConsumer) late).getConsumerId();
        Env.equal(id, info.getConsumerId(), "id");
        late.close();
        m = next(listener);
        Env.equal(1, m.getIntProperty("consumerCount"), "consumerCount after the end");
        Env.equal(id, ((RemoveInfo) m.getDataStructure()).getObjectId(), "id that is gone");
        early.close();
        Env.equal(0, next(listener).getIntProperty("consumerCount"), "consumerCount at the end");
        Env.none(listener);
    }

    private static void producer(Env env) throws Exception {
        Session session = env.session();
        Topic to = env.topic("t");
        MessageConsumer listener = session.createConsumer(AdvisorySupport.getProducerAdvisoryTopic(to));
        MessageProducer producer = session.createProducer(to);
        ActiveMQMessage m = next(listener);
        Env.equal(1, m.getIntProperty("producerCount"), "producerCount");
        ProducerId id = ((ProducerInfo) m.getDataStructure()).getProducerId();
        producer.close();
        m = next(listener);
        Env.equal(0, m.getIntProperty("producerCount"), "producerCount");
        Env.equal(id, ((RemoveInfo) m.getDataStructure()).getObjectId(), "id");
    }

    private static void anonymous(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer listener = session.createConsumer(topic("Producer.Anonymous"));
        MessageProducer producer = session.createProducer(null);
        ActiveMQMessage m = next(listener);
        Env.equal(0, m.getIntProperty("producerCount"), "producerCount");
        Env.check(((ProducerInfo) m.getDataStructure()).getDestination() == null, "it has a destination");
        producer.close();
        Env.check(next(listener).getDataStructure() instanceof RemoveInfo, "the end");
    }

    private static DestinationInfo until(MessageConsumer listener, Destination wanted) throws Exception {
        for (;;) {
            DestinationInfo info = (DestinationInfo) next(listener).getDataStructure();
            if (info.getDestination().equals(wanted)) {
                return info;
            }
        }
    }

    private static void destination(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue early = env.queue("early");
        session.createProducer(early).close();
        MessageConsumer queues = session.createConsumer(topic("Queue"));
        MessageConsumer topics = session.createConsumer(topic("Topic"));
        Env.check(until(queues, early).isAddOperation(), "not told of what there was");
        Queue queue = env.queue("q");
        Topic topic = env.topic("t");
        session.createProducer(queue).close();
        session.createProducer(topic).close();
        Env.check(until(queues, queue).isAddOperation(), "queue not added");
        Env.check(until(topics, topic).isAddOperation(), "topic not added");
        connection.destroyDestination((ActiveMQDestination) queue);
        connection.destroyDestination((ActiveMQDestination) topic);
        Env.check(until(queues, queue).isRemoveOperation(), "queue not removed");
        Env.check(until(topics, topic).isRemoveOperation(), "topic not removed");
    }

    private static void temporary(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer both = session.createConsumer(AdvisorySupport.TEMP_DESTINATION_COMPOSITE_ADVISORY_TOPIC);
        TemporaryQueue queue = session.createTemporaryQueue();
        TemporaryTopic topic = session.createTemporaryTopic();
        Env.check(until(both, queue).isAddOperation(), "queue not added");
        Env.check(until(both, topic).isAddOperation(), "topic not added");
        queue.delete();
        Env.check(until(both, queue).isRemoveOperation(), "queue not removed");
    }

    private static void destinationSource(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        ActiveMQQueue queue = (ActiveMQQueue) env.queue("q");
        session.createProducer(queue).close();
        DestinationSource source = connection.getDestinationSource();
        await(() -> source.getQueues().contains(queue), "queue is not there");
        connection.destroyDestination(queue);
        await(() -> !source.getQueues().contains(queue), "queue is still there");
        ActiveMQTempQueue temporary = (ActiveMQTempQueue) session.createTemporaryQueue();
        await(() -> source.getTemporaryQueues().contains(temporary), "temporary queue is not there");
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    private static void await(Condition condition, String what) throws Exception {
        for (long end = System.currentTimeMillis() + Env.SOON; !condition.holds(); Thread.sleep(5)) {
            Env.check(System.currentTimeMillis() < end, what);
        }
    }

    private static void consumerSource(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = env.queue("q");
        var events = new java.util.concurrent.LinkedBlockingQueue<ConsumerEvent>();
        ConsumerEventSource source = new ConsumerEventSource(connection, queue);
        source.setConsumerListener(events::add);
        source.start();
        MessageConsumer consumer = session.createConsumer(queue);
        ConsumerEvent event = events.poll(Env.SOON, java.util.concurrent.TimeUnit.MILLISECONDS);
        Env.check(event != null && event.isStarted() && event.getConsumerCount() == 1, "started: " + event);
        consumer.close();
        event = events.poll(Env.SOON, java.util.concurrent.TimeUnit.MILLISECONDS);
        Env.check(event != null && !event.isStarted() && event.getConsumerCount() == 0, "stopped: " + event);
        source.stop();
    }

    private static void aboutMessage(ActiveMQMessage advisory, Destination of, String id, String body) throws Exception {
        Env.equal(id, advisory.getStringProperty("orignalMessageId"), "orignalMessageId");
        Env.equal(((ActiveMQDestination) of).getQualifiedName(), advisory.getStringProperty("orignalDestination"), "orignalDestination");
        TextMessage inner = (TextMessage) advisory.getDataStructure();
        Env.equal(id, inner.getJMSMessageID(), "the message's id");
        Env.equal(body, inner.getText(), "the message's text");
    }

    private static void deliveredAndConsumed(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("told");
        MessageConsumer delivered = session.createConsumer(topic("MessageDelivered.Queue." + queue.getQueueName()));
        MessageConsumer consumed = session.createConsumer(topic("MessageConsumed.Queue." + queue.getQueueName()));
        MessageProducer producer = session.createProducer(queue);
        TextMessage message = session.createTextMessage("secret");
        producer.send(message);
        aboutMessage(next(delivered), queue, message.getJMSMessageID(), null);
        Env.none(consumed);
        Env.text(session.createConsumer(queue));
        aboutMessage(next(consumed), queue, message.getJMSMessageID(), null);
        Env.none(delivered);
        Queue open = env.queue("told.body");
        MessageConsumer withBody = session.createConsumer(topic("MessageDelivered.Queue." + open.getQueueName()));
        producer = session.createProducer(open);
        producer.send(message);
        aboutMessage(next(withBody), open, message.getJMSMessageID(), "secret");
    }

    private static void topicDelivered(Env env) throws Exception {
        Session session = env.session();
        Topic to = env.topic("told");
        MessageConsumer delivered = session.createConsumer(topic("MessageDelivered.Topic." + to.getTopicName()));
        TextMessage message = session.createTextMessage("x");
        session.createProducer(to).send(message);
        aboutMessage(next(delivered), to, message.getJMSMessageID(), null);
    }

    /** Without the switches only what is always told is told. */
    private static void silent(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("quiet");
        Set<String> names = new TreeSet<>();
        MessageConsumer all = session.createConsumer(topic("*.Queue." + queue.getQueueName()));
        MessageProducer producer = session.createProducer(queue);
        producer.send(session.createTextMessage("x"));
        Env.text(session.createConsumer(queue));
        for (Message m = all.receive(500); m != null; m = all.receive(500)) {
            names.add(((ActiveMQTopic) m.getJMSDestination()).getTopicName().split("\\.")[2]);
        }
        Env.equal(Set.of("Producer", "Consumer"), names, "advisories");
    }

    private static void expired(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer listener = session.createConsumer(AdvisorySupport.getExpiredMessageTopic((ActiveMQDestination) queue));
        MessageProducer producer = session.createProducer(queue);
        TextMessage message = session.createTextMessage("x");
        producer.send(message, DeliveryMode.NON_PERSISTENT, 4, 1);
        Thread.sleep(5);
        Env.none(session.createConsumer(queue));
        ActiveMQMessage m = next(listener);
        Env.equal(message.getJMSMessageID(), m.getStringProperty("orignalMessageId"), "orignalMessageId");
        Env.equal(message.getJMSMessageID(), ((Message) m.getDataStructure()).getJMSMessageID(), "the message's id");
    }

    /** Refuses one message until it is a dead letter. */
    static TextMessage poison(Env env, Destination to) throws Exception {
        ActiveMQConnection connection = env.connect("jms.redeliveryPolicy.maximumRedeliveries=0");
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(to);
        Session other = env.session();
        TextMessage message = other.createTextMessage("poison");
        other.createProducer(to).send(message);
        Env.receive(consumer);
        session.rollback();
        Env.none(consumer);
        return message;
    }

    private static void deadLettered(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer listener = session.createConsumer(topic("MessageDLQd.Queue." + queue.getQueueName()));
        TextMessage message = poison(env, queue);
        TextMessage inner = (TextMessage) next(listener).getDataStructure();
        Env.equal(message.getJMSMessageID(), inner.getJMSMessageID(), "id");
        Env.none(listener);
    }

    private static void noConsumer(Env env, Destination to, String kind) throws Exception {
        Session session = env.session();
        String name = ((ActiveMQDestination) to).getPhysicalName();
        MessageConsumer listener = session.createConsumer(topic("NoConsumer." + kind + name));
        MessageProducer producer = session.createProducer(to);
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        producer.send(session.createTextMessage("nobody"));
        TextMessage message = (TextMessage) Env.receive(listener);
        Env.equal("nobody", message.getText(), "text");
        producer.send(session.createTextMessage("kept"), DeliveryMode.PERSISTENT, 4, 0);
        Env.none(listener);
        session.createConsumer(to);
        producer.send(session.createTextMessage("somebody"));
        Env.none(listener);
    }

    private static void slowAndDiscarded(Env env) throws Exception {
        Topic to = env.topic("told.slow");
        Session session = env.session();
        MessageConsumer slow = session.createConsumer(topic("SlowConsumer.Topic." + to.getTopicName()));
        MessageConsumer discarded = session.createConsumer(topic("MessageDiscarded.Topic." + to.getTopicName()));
        Session idle = env.connect("jms.prefetchPolicy.topicPrefetch=2").createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = idle.createConsumer(to);
        MessageProducer producer = session.createProducer(to);
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        for (int i = 0; i < 40; i++) {
            producer.send(session.createTextMessage("" + i));
        }
        String id = ((ActiveMQMessageConsumer) consumer).getConsumerId().toString();
        ActiveMQMessage m = next(slow);
        Env.equal(id, m.getStringProperty("consumerId"), "consumerId");
        Env.equal(id, ((ConsumerInfo) m.getDataStructure()).getConsumerId().toString(), "consumer");
        m = next(discarded);
        Env.equal(id, m.getStringProperty("consumerId"), "consumerId");
        Env.check(m.getIntProperty("discardedCount") >= 1, "discardedCount");
        Env.equal("topic://" + to.getTopicName(), m.getStringProperty("orignalDestination"), "orignalDestination");
        Env.check(m.getDataStructure() instanceof TextMessage, "no message");
    }

    private static void full(Env env) throws Exception {
        Queue queue = env.queue("told.full");
        Session session = env.session();
        MessageConsumer full = session.createConsumer(topic("FULL.Queue." + queue.getQueueName()));
        MessageConsumer fast = session.createConsumer(topic("FastProducer.Queue." + queue.getQueueName()));
        Connection other = env.connect();
        Session sender = other.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Thread thread = new Thread(() -> {
            try {
                MessageProducer producer = sender.createProducer(queue);
                producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
                for (int i = 0; i < 200; i++) {
                    var message = sender.createBytesMessage();
                    message.writeBytes(new byte[64 << 10]);
                    producer.send(message);
                }
            } catch (Exception e) {
                // the connection was closed while it waited
            }
        });
        thread.start();
        ActiveMQMessage m = next(full);
        Env.check(m.getStringProperty("usageName").contains("memory"), "usageName");
        Env.check(m.getLongProperty("usageCount") > 0, "usageCount");
        m = next(fast);
        Env.equal(((ProducerInfo) m.getDataStructure()).getProducerId().toString(), m.getStringProperty("producerId"), "producerId");
        MessageConsumer consumer = session.createConsumer(queue);
        for (int i = 0; i < 200; i++) {
            Env.receive(consumer);
        }
        thread.join(Env.SOON);
        Env.check(!thread.isAlive(), "the producer still waits");
    }

    private static void dispatched(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("told");
        MessageConsumer listener = session.createConsumer(topic("MessageDispatched.Queue." + queue.getQueueName()));
        MessageConsumer consumer = session.createConsumer(queue);
        TextMessage message = session.createTextMessage("x");
        session.createProducer(queue).send(message);
        ActiveMQMessage m = next(listener);
        aboutMessage(m, queue, message.getJMSMessageID(), null);
        Env.equal(((ActiveMQMessageConsumer) consumer).getConsumerId().toString(), m.getStringProperty("consumerId"), "consumerId");
    }

    /** A listener that reads nothing holds nobody up. */
    private static void slowListener(Env env) throws Exception {
        Queue queue = env.queue("told");
        Session idle = env.connect("jms.prefetchPolicy.topicPrefetch=10").createSession(false, Session.CLIENT_ACKNOWLEDGE);
        idle.createConsumer(topic(">"));
        Session session = env.session();
        MessageProducer producer = session.createProducer(queue);
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        MessageConsumer consumer = session.createConsumer(queue);
        for (int i = 0; i < 2000; i++) {
            producer.send(session.createTextMessage("" + i));
        }
        Env.expectNumbers(consumer, 0, 2000);
    }
}
