import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.jms.Destination;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.Session;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.command.ActiveMQMessage;
import org.apache.activemq.transport.DefaultTransportListener;

/**
 * One consumer of the ledger on its own connection: auto-acknowledge, or
 * client-acknowledge or transacted in batches.
 */
final class LedgerConsumer extends Thread {
    private static final int BATCH = 10;

    private final LedgerBook book;
    private final ActiveMQConnection connection;
    private final Session session;
    private final MessageConsumer consumer;
    private final String mode;
    private final boolean strict;
    private final int[] last = new int[Ledger.PRODUCERS];
    private final int[] highest = new int[Ledger.PRODUCERS];
    private final List<Message> pending = new ArrayList<>();
    private Message unsure; // received across a failover: of the old connection or of the new
    private long pendingEpoch;
    private long orderEpoch;
    private volatile boolean finishing;
    /** Even while connected, odd while not; every failover adds two. */
    private volatile long epoch;
    /** The address of the broker that the connection leads to. */
    private volatile String owner;
    private volatile long interrupted; // milliseconds of the wall clock

    /**
     * With strict, first deliveries have to come without gaps or inversions
     * even across failovers, which holds for the only consumer of a queue.
     */
    LedgerConsumer(LedgerBook book, ActiveMQConnection connection, Destination queue, String mode, String name, boolean strict)
        throws JMSException {
        super(name);
        this.book = book;
        this.connection = connection;
        this.mode = mode;
        this.strict = strict;
        Arrays.fill(last, -1);
        Arrays.fill(highest, -1);
        connection.addTransportListener(new DefaultTransportListener() {
            @Override
            public void transportInterupted() {
                interrupted = System.currentTimeMillis();
                epoch |= 1; // both are called by the transport's own thread
            }

            @Override
            public void transportResumed() {
                owner = remote(connection);
                epoch = (epoch | 1) + 1;
            }

            @Override
            public void onException(IOException error) {
                System.out.println("BROKEN " + name + " " + error);
            }
        });
        owner = remote(connection);
        session = switch (mode) {
            case "transacted" -> connection.createSession(true, Session.SESSION_TRANSACTED);
            case "client" -> connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
            case "dups" -> connection.createSession(false, Session.DUPS_OK_ACKNOWLEDGE);
            default -> connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        };
        consumer = queue instanceof Topic topic
            ? session.createDurableSubscriber(topic, "ledger") : session.createConsumer(queue);
    }

    /** Whether the application acknowledges, and so knows what the broker confirmed. */
    static boolean confirms(String mode) {
        return mode.equals("client") || mode.equals("transacted");
    }

    private static String remote(ActiveMQConnection connection) {
        return String.valueOf(connection.getTransport().getRemoteAddress());
    }

    /**
     * Who delivered a message whose receive() spans a failover: the broker that
     * the connection leads to now, if the message left it after the failover.
     * Empty if that is not certain.
     */
    private String deliverer(Message message) {
        boolean after = ((ActiveMQMessage) message).getBrokerOutTime() > interrupted;
        return after && (epoch & 1) == 0 ? owner : "";
    }

    @Override
    public void run() {
        while (!finishing) {
            try {
                long before = epoch;
                String from = owner;
                Message message = consumer.receive(200);
                boolean certain = before == epoch && (before & 1) == 0;
                if (message != null && book.delivered(message, getName(), certain ? from : deliverer(message))) {
                    checkOrder(message, before);
                    if (confirms(mode)) {
                        hold(message, before);
                    }
                }
                if (pending.size() >= BATCH || message == null) {
                    settle();
                }
            } catch (JMSException e) {
                System.out.println("CONSUMER " + getName() + " " + e);
            }
        }
        try {
            settle();
        } catch (JMSException e) {
            System.out.println("CONSUMER " + getName() + " " + e);
        }
    }

    /**
     * Among messages not flagged as redelivered, each producer's numbers rise
     * while one connection lasts. A message whose receive() spans a failover
     * is left out, for it may be of either connection.
     */
    private void checkOrder(Message message, long before) throws JMSException {
        int producer = message.getIntProperty("producer");
        int seq = message.getIntProperty("seq");
        if (strict && seq > highest[producer]) {
            if (seq != highest[producer] + 1) {
                book.disorder(message, highest[producer], getName());
            }
            highest[producer] = seq;
        }
        if (message.getJMSRedelivered() || before != epoch || (before & 1) == 1) {
            return;
        }
        if (orderEpoch != before) {
            orderEpoch = before;
            Arrays.fill(last, -1);
        }
        if (seq <= last[producer]) {
            book.disorder(message, last[producer], getName());
        }
        last[producer] = seq;
    }

    private void hold(Message message, long before) throws JMSException {
        long now = epoch;
        // it may come from the old connection: the client clears up a while after the failover
        long out = ((ActiveMQMessage) message).getBrokerOutTime();
        boolean stale = out > 0 && out <= interrupted;
        if (mode.equals("client") && pendingEpoch != now) {
            // the client forgets on a failover what it had not acknowledged, but for
            // what it hands out before that: its acknowledgement counts for both
            if (stale) {
                book.inDoubt(pending);
            }
            pending.clear();
        }
        pendingEpoch = now;
        if (mode.equals("client") && (before != now || stale)) {
            unsure = message;
            book.inDoubt(List.of(message));
        } else {
            pending.add(message);
        }
    }

    private void settle() throws JMSException {
        List<Message> batch = new ArrayList<>(pending);
        pending.clear();
        if (mode.equals("transacted") && !batch.isEmpty()) {
            commit(batch);
            return;
        }
        if (batch.isEmpty() && unsure == null) {
            return;
        }
        long before = epoch;
        try {
            (batch.isEmpty() ? unsure : batch.get(batch.size() - 1)).acknowledge();
        } catch (JMSException e) {
            // ActiveMQ refuses some acknowledgements that a failover delayed: start again
            book.inDoubt(batch);
            session.recover();
            throw e;
        } finally {
            unsure = null;
        }
        // An acknowledgement is answered by the client itself from the moment when
        // its transport has failed, a while before it says that it has.
        boolean connected = connection.getTransport().getRemoteAddress() != null;
        if (connected && before == epoch && before == pendingEpoch && (before & 1) == 0) {
            book.confirmed(batch);
        } else {
            book.inDoubt(batch);
        }
    }

    private void commit(List<Message> batch) throws JMSException {
        try {
            session.commit();
            book.confirmed(batch);
        } catch (JMSException e) {
            if (String.valueOf(e.getMessage()).contains("in doubt")) {
                book.inDoubt(batch);
            }
            System.out.println("ROLLEDBACK " + getName() + " " + batch.size() + " " + e.getMessage());
        }
    }

    void finish() throws InterruptedException {
        finishing = true;
        join(20_000);
    }
}
