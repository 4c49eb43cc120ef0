import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.*;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.command.ActiveMQDestination;
import org.apache.activemq.command.ActiveMQQueue;
import org.jolokia.backend.BackendManager;
import org.jolokia.config.ConfigKey;
import org.jolokia.config.Configuration;
import org.jolokia.http.HttpRequestHandler;
import org.jolokia.restrictor.PolicyRestrictor;
import org.jolokia.util.QuietLogHandler;
import org.json.simple.JSONAware;

/**
 * An ActiveMQ with JMX behind Jolokia's request handler, checked as ActiveMQ's
 * jolokia-access.xml does. Arguments: broker's name, HTTP port, data directory,
 * URIs of network connectors. Says "ready" and ends with its standard input.
 */
public final class ManagedBroker {
    public static void main(String[] args) throws Exception {
        BrokerService b = new BrokerService();
        b.setBrokerName(args[0]);
        b.setPersistent(false);
        b.setUseJmx(true);
        b.setDataDirectory(args[2]);
        b.getManagementContext().setCreateConnector(false);
        b.addConnector("tcp://127.0.0.1:0").setName("openwire");
        for (int i = 3; i < args.length; i++) {
            b.addNetworkConnector(args[i]).setName("to");
        }
        b.setDestinations(new ActiveMQDestination[] {new ActiveMQQueue("a"), new ActiveMQQueue("q/x")});
        b.start();
        b.waitUntilStarted();
        InputStream policy = new ByteArrayInputStream("<restrict><cors><strict-checking/></cors></restrict>".getBytes(StandardCharsets.UTF_8));
        Configuration config = new Configuration(ConfigKey.AGENT_ID, "test");
        HttpRequestHandler handler = new HttpRequestHandler(config,
            new BackendManager(config, new QuietLogHandler(), new PolicyRestrictor(policy)), new QuietLogHandler());
        HttpServer http = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[1])), 0);
        http.createContext("/api/jolokia", x -> answer(handler, x));
        http.start();
        System.out.println("ready");
        while (System.in.read() >= 0) { }
        System.exit(0);
    }

    static void answer(HttpRequestHandler handler, HttpExchange x) throws IOException {
        JSONAware json;
        try {
            String origin = x.getRequestHeaders().getFirst("Origin");
            if (origin == null) origin = x.getRequestHeaders().getFirst("Referer");
            handler.checkAccess("localhost", "127.0.0.1", origin);
            String raw = x.getRequestURI().getRawPath();
            Map<String, String[]> parameters = new HashMap<>();
            String query = x.getRequestURI().getRawQuery();
            if (query != null) for (String p : query.split("&")) {
                String[] kv = p.split("=", 2);
                parameters.put(URLDecoder.decode(kv[0], "UTF-8"), new String[] {kv.length > 1 ? URLDecoder.decode(kv[1], "UTF-8") : ""});
            }
            if (x.getRequestMethod().equals("POST")) {
                json = handler.handlePostRequest(raw, x.getRequestBody(), "UTF-8", parameters);
            } else {
                String path = x.getRequestURI().getPath().substring("/api/jolokia".length());
                json = handler.handleGetRequest(raw.substring("/api/jolokia".length()), path.isEmpty() ? null : path, parameters);
            }
        } catch (Throwable t) {
            json = handler.handleThrowable(t);
        }
        byte[] body = json.toJSONString().getBytes(StandardCharsets.UTF_8);
        x.getResponseHeaders().set("Content-Type", "text/plain;charset=utf-8");
        x.sendResponseHeaders(200, body.length);
        x.getResponseBody().write(body);
        x.close();
    }
}
