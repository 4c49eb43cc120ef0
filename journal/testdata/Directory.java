import java.io.File;
import java.util.Enumeration;
import javax.jms.*;
import javax.jms.Message;
import javax.transaction.xa.XAResource;
import javax.transaction.xa.Xid;
import org.apache.activemq.*;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.broker.region.Queue;
import org.apache.activemq.command.*;
import org.apache.activemq.store.kahadb.KahaDBPersistenceAdapter;

/**
 * Writes a KahaDB directory with ActiveMQ itself, or tells what ActiveMQ finds
 * in one. See generate.sh.
 */
public class Directory {
    public static void main(String[] args) throws Exception {
        BrokerService broker = start(new File(args[1]), args[0].equals("read") ? 32 << 20 : 40 << 10);
        if (args[0].equals("read")) {
            read();
        } else {
            write(broker);
        }
        System.out.flush();
        if (args[0].equals("crash")) {
            Runtime.getRuntime().halt(0);
        }
        broker.stop();
        broker.waitUntilStopped();
        Runtime.getRuntime().halt(0);
    }

    static BrokerService start(File dir, int fileLength) throws Exception {
        BrokerService broker = new BrokerService();
        broker.setBrokerName("fixture");
        broker.setUseJmx(false);
        broker.setSchedulerSupport(false);
        broker.setAdvisorySupport(false);
        broker.setDataDirectoryFile(new File(dir.getPath() + ".data"));
        KahaDBPersistenceAdapter kahadb = new KahaDBPersistenceAdapter();
        kahadb.setDirectory(dir);
        kahadb.setJournalMaxFileLength(fileLength);
        kahadb.setConcurrentStoreAndDispatchQueues(false);
        kahadb.setCleanupInterval(3600_000);
        kahadb.setCheckpointInterval(3600_000);
        broker.setPersistenceAdapter(kahadb);
        broker.start();
        broker.waitUntilStarted();
        return broker;
    }

    static ActiveMQConnection connect(String clientId) throws Exception {
        ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory("vm://fixture?create=false");
        ActiveMQConnection c = (ActiveMQConnection) factory.createConnection();
        if (clientId != null) {
            c.setClientID(clientId);
        }
        c.start();
        return c;
    }

    static void write(BrokerService broker) throws Exception {
        bodies();
        backlog();
        durables();
        transactions();
        branches();
        purged(broker);
    }

    static void bodies() throws Exception {
        ActiveMQConnection c = connect(null);
        Session s = c.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer p = s.createProducer(s.createQueue("BODIES"));
        TextMessage text = s.createTextMessage("gr\u00fc\u00dfe \ud83d\ude00");
        text.setStringProperty("colour", "red");
        text.setLongProperty("count", 1L << 40);
        text.setBooleanProperty("flag", true);
        text.setDoubleProperty("ratio", 0.5);
        text.setJMSCorrelationID("correlation");
        text.setJMSType("type");
        text.setJMSReplyTo(s.createTopic("REPLIES"));
        p.send(text, DeliveryMode.PERSISTENT, 9, 0);
        BytesMessage bytes = s.createBytesMessage();
        bytes.writeBytes(new byte[] {1, 2, 3, 0, -1});
        p.send(bytes);
        MapMessage map = s.createMapMessage();
        map.setInt("i", 7);
        map.setString("s", "value");
        p.send(map);
        StreamMessage stream = s.createStreamMessage();
        stream.writeInt(7);
        stream.writeString("value");
        p.send(stream);
        p.send(s.createObjectMessage("object"));
        p.send(s.createMessage());
        p.send(s.createTextMessage(null));
        p.send(s.createTextMessage(""));
        p.setTimeToLive(3600_000L * 24 * 365 * 100);
        p.send(s.createTextMessage("expires late"));
        c.close();
        ActiveMQConnection z = connect(null);
        z.setUseCompression(true);
        s = z.createSession(false, Session.AUTO_ACKNOWLEDGE);
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < 500; i++) b.append("compressed ");
        s.createProducer(s.createQueue("BODIES")).send(s.createTextMessage(b.toString()));
        z.close();
    }

    static void backlog() throws Exception {
        ActiveMQConnection c = connect(null);
        c.getPrefetchPolicy().setAll(1);
        Session s = c.createSession(false, ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE);
        MessageProducer p = s.createProducer(s.createQueue("BACKLOG"));
        for (int i = 0; i < 150; i++) {
            p.send(s.createTextMessage("message " + i));
        }
        MessageConsumer consumer = s.createConsumer(s.createQueue("BACKLOG"));
        for (int i = 0; i < 150; i++) {
            Message m = consumer.receive(5000);
            if (i < 60 || i % 3 == 0) m.acknowledge();
        }
        c.close();
    }

    static void durables() throws Exception {
        ActiveMQConnection one = connect("one"), two = connect("two"), gone = connect("gone");
        Session s1 = one.createSession(false, ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE);
        Session s2 = two.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session s3 = gone.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer c1 = s1.createDurableSubscriber(s1.createTopic("NEWS"), "sub");
        MessageProducer p = s2.createProducer(s2.createTopic("NEWS"));
        for (int i = 0; i < 4; i++) p.send(s2.createTextMessage("news " + i));
        MessageConsumer c2 = s2.createDurableSubscriber(s2.createTopic("NEWS"), "sub", "region = 'eu'", true);
        c2.close();
        s3.createDurableSubscriber(s3.createTopic("NEWS"), "sub").close();
        s3.unsubscribe("sub");
        for (int i = 4; i < 12; i++) {
            TextMessage m = s2.createTextMessage("news " + i);
            m.setStringProperty("region", "eu");
            p.send(m);
        }
        for (int i = 0; i < 12; i++) {
            Message m = c1.receive(5000);
            if (i < 2 || i == 5 || i == 6) m.acknowledge();
        }
        s2.createProducer(s2.createTopic("NOBODY")).send(s2.createTextMessage("unheard"));
        one.close();
        two.close();
        gone.close();
    }

    static void transactions() throws Exception {
        ActiveMQConnection c = connect(null);
        Session s = c.createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer p = s.createProducer(s.createQueue("TX"));
        for (int i = 0; i < 5; i++) p.send(s.createTextMessage("committed " + i));
        s.commit();
        for (int i = 0; i < 3; i++) p.send(s.createTextMessage("rolled back " + i));
        s.rollback();
        MessageConsumer consumer = s.createConsumer(s.createQueue("TX"));
        consumer.receive(5000);
        p.send(s.createTextMessage("committed with an acknowledgement"));
        s.commit();
        consumer.close();
        for (int i = 0; i < 2; i++) p.send(s.createTextMessage("unfinished " + i));
    }

    static XATransactionId xid(int n) {
        XATransactionId id = new XATransactionId();
        id.setFormatId(-7);
        id.setGlobalTransactionId(("global" + n).getBytes());
        id.setBranchQualifier(("branch" + n).getBytes());
        return id;
    }

    static void branches() throws Exception {
        ActiveMQConnection plain = connect(null);
        Session ps = plain.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer pp = ps.createProducer(ps.createQueue("XA"));
        for (int i = 0; i < 3; i++) pp.send(ps.createTextMessage("before " + i));
        plain.close();
        ActiveMQXAConnectionFactory factory = new ActiveMQXAConnectionFactory("vm://fixture?create=false");
        XAConnection c = factory.createXAConnection();
        c.start();
        for (int n = 1; n <= 3; n++) {
            XASession s = c.createXASession();
            XAResource r = s.getXAResource();
            r.start(xid(n), XAResource.TMNOFLAGS);
            s.createProducer(s.createQueue("XA")).send(s.createTextMessage("branch " + n));
            if (n == 2) {
                MessageConsumer consumer = s.createConsumer(s.createQueue("XA"));
                consumer.receive(5000);
            }
            r.end(xid(n), XAResource.TMSUCCESS);
            r.prepare(xid(n));
            if (n == 1) r.commit(xid(n), false);
            if (n == 3) r.rollback(xid(n));
        }
    }

    static void purged(BrokerService broker) throws Exception {
        ActiveMQConnection c = connect(null);
        Session s = c.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer p = s.createProducer(s.createQueue("DELETED"));
        for (int i = 0; i < 5; i++) p.send(s.createTextMessage("deleted " + i));
        c.close();
        broker.getAdminView();
        broker.getBroker().removeDestination(broker.getAdminConnectionContext(), new ActiveMQQueue("DELETED"), 0);
    }

    static void read() throws Exception {
        ActiveMQXAConnectionFactory factory = new ActiveMQXAConnectionFactory("vm://fixture?create=false");
        XAConnection c = factory.createXAConnection();
        c.start();
        XASession xs = c.createXASession();
        for (Xid id : xs.getXAResource().recover(XAResource.TMSTARTRSCAN)) {
            System.out.println("prepared|" + id.getFormatId() + "|" + new String(id.getGlobalTransactionId()));
        }
        c.close();
        BrokerService broker = org.apache.activemq.broker.BrokerRegistry.getInstance().lookup("fixture");
        for (ActiveMQDestination d : broker.getPersistenceAdapter().getDestinations()) {
            if (!d.isQueue()) continue;
            ActiveMQConnection q = connect(null);
            Session s = q.createSession(false, Session.AUTO_ACKNOWLEDGE);
            Enumeration<?> e = s.createBrowser(s.createQueue(d.getPhysicalName())).getEnumeration();
            while (e.hasMoreElements()) print("queue|" + d.getPhysicalName(), (Message) e.nextElement());
            q.close();
        }
        for (ActiveMQDestination d : broker.getPersistenceAdapter().getDestinations()) {
            if (!d.isTopic()) continue;
            for (SubscriptionInfo info : broker.getPersistenceAdapter().createTopicMessageStore((ActiveMQTopic) d).getAllSubscriptions()) {
                System.out.println("subscription|" + info.getClientId() + "|" + info.getSubscriptionName() + "|" + info.getSelector() + "|" + info.isNoLocal());
                ActiveMQConnection t = connect(info.getClientId());
                Session s = t.createSession(false, ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE);
                MessageConsumer consumer = s.createDurableSubscriber(s.createTopic(d.getPhysicalName()), info.getSubscriptionName(), info.getSelector(), info.isNoLocal());
                for (Message m; (m = consumer.receive(1000)) != null; ) print("topic|" + d.getPhysicalName() + "|" + info.getClientId(), m);
                t.close();
            }
        }
    }

    static void print(String where, Message m) throws Exception {
        String body = m.getClass().getSimpleName();
        if (m instanceof TextMessage) body += " " + ((TextMessage) m).getText();
        if (m instanceof MapMessage) body += " " + ((ActiveMQMapMessage) m).getContentMap();
        if (m instanceof BytesMessage) body += " " + ((BytesMessage) m).getBodyLength();
        if (m instanceof ObjectMessage) body += " " + ((ObjectMessage) m).getObject();
        System.out.println(where + "|" + m.getJMSMessageID() + "|" + m.getJMSPriority() + "|" + ((ActiveMQMessage) m).getProperties() + "|" + body);
    }
}
