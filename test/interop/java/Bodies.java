import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import javax.jms.BytesMessage;
import javax.jms.JMSException;
import javax.jms.MapMessage;
import javax.jms.Message;
import javax.jms.MessageEOFException;
import javax.jms.ObjectMessage;
import javax.jms.Session;
import javax.jms.StreamMessage;
import javax.jms.TextMessage;

/** Builds messages of every type and content, and checks what came back. */
enum Bodies {
    TEXT(5) {
        private final String[] texts = {"hello", "", "NUL \u0000, é, 世界, \uD83D\uDE00", "x€".repeat(60_000), null};

        Message create(Session session, int variant) throws JMSException {
            TextMessage message = session.createTextMessage();
            if (texts[variant] != null) {
                message.setText(texts[variant]);
            }
            return message;
        }

        void check(Message got, int variant) throws JMSException {
            Env.equal(texts[variant], ((TextMessage) got).getText(), "text");
        }
    },

    BYTES(3) {
        Message create(Session session, int variant) throws JMSException {
            BytesMessage message = session.createBytesMessage();
            switch (variant) {
                case 0 -> writeAll(message);
                case 2 -> message.writeBytes(noise());
                default -> { }
            }
            return message;
        }

        private void writeAll(BytesMessage m) throws JMSException {
            m.writeBoolean(true);
            m.writeByte((byte) -7);
            m.writeShort(Short.MIN_VALUE);
            m.writeChar('€');
            m.writeInt(Integer.MAX_VALUE);
            m.writeLong(Long.MIN_VALUE);
            m.writeFloat(-1.5f);
            m.writeDouble(Math.PI);
            m.writeUTF("ütf\u0000");
            m.writeBytes(new byte[] {1, 2, 3});
            m.writeObject(42L);
        }

        void check(Message got, int variant) throws JMSException {
            BytesMessage m = (BytesMessage) got;
            switch (variant) {
                case 0 -> readAll(m);
                case 1 -> Env.equal(0L, m.getBodyLength(), "body length");
                default -> {
                    byte[] body = new byte[(int) m.getBodyLength()];
                    m.readBytes(body);
                    Env.equal(noise(), body, "body");
                }
            }
            Env.expectJMS(MessageEOFException.class, m::readByte);
        }

        private void readAll(BytesMessage m) throws JMSException {
            Env.equal(true, m.readBoolean(), "boolean");
            Env.equal((byte) -7, m.readByte(), "byte");
            Env.equal(Short.MIN_VALUE, m.readShort(), "short");
            Env.equal('€', m.readChar(), "char");
            Env.equal(Integer.MAX_VALUE, m.readInt(), "int");
            Env.equal(Long.MIN_VALUE, m.readLong(), "long");
            Env.equal(-1.5f, m.readFloat(), "float");
            Env.equal(Math.PI, m.readDouble(), "double");
            Env.equal("ütf\u0000", m.readUTF(), "utf");
            byte[] three = new byte[3];
            Env.equal(3, m.readBytes(three), "bytes read");
            Env.equal(new byte[] {1, 2, 3}, three, "bytes");
            Env.equal(42L, m.readLong(), "long as object");
        }
    },

    MAP(3) {
        private final Map<String, Object> all = entries();

        Message create(Session session, int variant) throws JMSException {
            MapMessage message = session.createMapMessage();
            if (variant == 0) {
                for (Map.Entry<String, Object> e : all.entrySet()) {
                    message.setObject(e.getKey(), e.getValue());
                }
            } else if (variant == 2) {
                message.setString("long", "y".repeat(70_000));
            }
            return message;
        }

        private Map<String, Object> entries() {
            Map<String, Object> map = Props.values();
            map.put("char", 'ß');
            map.put("bytes", new byte[] {9, 8, 7});
            map.put("null", null);
            map.put("map", Map.of("inner", 1, "list", List.of("a", 2L)));
            map.put("list", List.of(true, "b", 3.5));
            return map;
        }

        void check(Message got, int variant) throws JMSException {
            MapMessage m = (MapMessage) got;
            if (variant == 0) {
                Map<String, Object> seen = new HashMap<>();
                for (Object name : java.util.Collections.list(m.getMapNames())) {
                    seen.put((String) name, m.getObject((String) name));
                }
                Env.equal(all.keySet(), seen.keySet(), "names");
                for (Map.Entry<String, Object> e : all.entrySet()) {
                    Env.equal(e.getValue(), seen.get(e.getKey()), e.getKey());
                }
            } else {
                Env.equal(variant == 2 ? "y".repeat(70_000) : null, m.getString("long"), "long");
            }
        }
    },

    STREAM(2) {
        private final List<Object> all = Arrays.asList(true, (byte) 5, (short) -6, 'c', 7, -8L, 1.25f, -2.5,
            "string", new byte[] {4, 5, 6}, null, "z".repeat(70_000));

        Message create(Session session, int variant) throws JMSException {
            StreamMessage message = session.createStreamMessage();
            if (variant == 0) {
                for (Object o : all) {
                    message.writeObject(o);
                }
            }
            return message;
        }

        void check(Message got, int variant) throws JMSException {
            StreamMessage m = (StreamMessage) got;
            if (variant == 0) {
                for (Object o : all) {
                    Env.equal(o, m.readObject(), "stream element");
                }
            }
            Env.expectJMS(MessageEOFException.class, m::readObject);
        }
    },

    OBJECT(3) {
        private final Serializable[] objects = {
            new ArrayList<>(List.of("a", 1, new Point(3, 4))), null, "o".repeat(100_000)};

        Message create(Session session, int variant) throws JMSException {
            ObjectMessage message = session.createObjectMessage();
            message.setObject(objects[variant]);
            return message;
        }

        void check(Message got, int variant) throws JMSException {
            Env.equal(objects[variant], ((ObjectMessage) got).getObject(), "object");
        }
    },

    EMPTY(1) {
        Message create(Session session, int variant) throws JMSException {
            return session.createMessage();
        }

        void check(Message got, int variant) {
            Env.equal("ActiveMQMessage", got.getClass().getSimpleName(), "class");
        }
    };

    record Point(int x, int y) implements Serializable {
    }

    final int variants;

    Bodies(int variants) {
        this.variants = variants;
    }

    abstract Message create(Session session, int variant) throws JMSException;

    abstract void check(Message got, int variant) throws JMSException;

    /** 200 KB that do not compress, the same each time. */
    static byte[] noise() {
        byte[] out = new byte[200_000];
        new Random(1).nextBytes(out);
        return out;
    }
}
