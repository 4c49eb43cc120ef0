import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.jms.JMSException;
import javax.jms.Message;

/** A set of properties of every type that the client lets an application set. */
final class Props {
    private Props() {
    }

    /** The primitive types of JMS with the values at their ends. */
    static Map<String, Object> values() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("true", true);
        map.put("false", false);
        map.put("byte", Byte.MIN_VALUE);
        map.put("short", Short.MAX_VALUE);
        map.put("int", Integer.MIN_VALUE);
        map.put("long", Long.MAX_VALUE);
        map.put("float", Float.MIN_VALUE);
        map.put("double", -Double.MAX_VALUE);
        map.put("nan", Double.NaN);
        // neither NUL nor beyond U+FFFF: the client does not read back in a property what it wrote
        map.put("string", "š 世界");
        map.put("empty", "");
        map.put("big", "b".repeat(70_000));
        return map;
    }

    private static Map<String, Object> properties() {
        Map<String, Object> map = values();
        map.put("null", null);
        map.put("character", 'q');
        map.put("list", List.of(1, "two", 3.0));
        map.put("map", Map.of("k", "v", "n", 5L));
        map.put("JMSXGroupID", "g");
        return map;
    }

    static void setAll(Message message) throws JMSException {
        for (Map.Entry<String, Object> e : properties().entrySet()) {
            message.setObjectProperty(e.getKey(), e.getValue());
        }
        message.setBooleanProperty("typed.boolean", true);
        message.setByteProperty("typed.byte", (byte) 1);
        message.setShortProperty("typed.short", (short) 2);
        message.setIntProperty("typed.int", 3);
        message.setLongProperty("typed.long", 4);
        message.setFloatProperty("typed.float", 5.5f);
        message.setDoubleProperty("typed.double", 6.5);
        message.setStringProperty("typed.string", "7");
    }

    static void checkAll(Message message) throws JMSException {
        Map<String, Object> want = properties();
        want.remove("JMSXGroupID"); // a header that looks like a property
        Map<String, Object> got = new HashMap<>();
        for (Object name : Collections.list(message.getPropertyNames())) {
            got.put((String) name, message.getObjectProperty((String) name));
        }
        for (Map.Entry<String, Object> e : want.entrySet()) {
            Env.check(got.containsKey(e.getKey()), "no property " + e.getKey());
            Env.equal(e.getValue(), got.get(e.getKey()), "property " + e.getKey());
        }
        Env.equal("g", message.getStringProperty("JMSXGroupID"), "JMSXGroupID");
        Env.equal(true, message.getBooleanProperty("typed.boolean"), "typed.boolean");
        Env.equal((byte) 1, message.getByteProperty("typed.byte"), "typed.byte");
        Env.equal((short) 2, message.getShortProperty("typed.short"), "typed.short");
        Env.equal(3, message.getIntProperty("typed.int"), "typed.int");
        Env.equal(4L, message.getLongProperty("typed.long"), "typed.long");
        Env.equal(5.5f, message.getFloatProperty("typed.float"), "typed.float");
        Env.equal(6.5, message.getDoubleProperty("typed.double"), "typed.double");
        Env.equal("7", message.getStringProperty("typed.string"), "typed.string");
    }
}
