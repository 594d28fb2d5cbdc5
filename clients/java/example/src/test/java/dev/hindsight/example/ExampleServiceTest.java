package dev.hindsight.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.springframework.test.web.servlet.request.MockMvcRequestBuilders.post;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.jsonPath;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.status;

import com.fasterxml.jackson.databind.JsonNode;
import dev.hindsight.client.HindsightClient;
import dev.hindsight.client.RealEdge;
import dev.hindsight.spring.VisitFilter;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.http.MediaType;
import org.springframework.test.web.servlet.MockMvc;
import org.springframework.test.web.servlet.ResultActions;
import org.springframework.test.web.servlet.setup.MockMvcBuilders;
import org.springframework.web.context.WebApplicationContext;

/** The example, asked by MockMvc, with the real edge: what an auditor finds afterwards. */
class ExampleServiceTest {

    private static final String SESSION = "01935b6e-7a2c-7d3e-8f10-2b4c6d8e0f12";
    private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
    private static final String TAB = "w1_9";
    /** How long the page waited for its request. */
    private static final int REQUEST_MS = 9;

    @TempDir
    static Path folder;

    static RealEdge edge;
    static WebApplicationContext service;
    static MockMvc http;

    @BeforeAll
    static void start() throws Exception {
        edge = RealEdge.start(folder);
        service = (WebApplicationContext) new SpringApplicationBuilder(ExampleService.class)
                .run(
                        "--server.port=0", "--hindsight.url=" + edge.url(), "--hindsight.key=" + edge.writeKey(),
                        "--hindsight.spill-folder=" + folder.resolve("spill"), "--hindsight.batch-wait=100ms");
        http = MockMvcBuilders.webAppContextSetup(service).addFilters(service.getBean(VisitFilter.class)).build();
    }

    @AfterAll
    static void stop() throws Exception {
        ((org.springframework.context.ConfigurableApplicationContext) service).close();
        edge.close();
    }

    private static ResultActions ask(String user, String path, String body) throws Exception {
        return ask(user, path, body, SESSION, TRACE);
    }

    /** As a page asks whose visit is recorded. */
    private static ResultActions ask(String user, String path, String body, String session, String trace) throws Exception {
        return http.perform(post(path)
                .contentType(MediaType.APPLICATION_JSON)
                .content(body)
                .header("X-User", user)
                .header("X-User-Name", "li")
                .header("User-Agent", "Firefox")
                .header("traceparent", "00-" + trace + "-00f067aa0ba902b7-01")
                .header("baggage", "user=x,hindsight.session=" + session)
                .header("baggage", "hindsight.tab=" + TAB));
    }

    private static JsonNode only(String query) throws Exception {
        JsonNode found = edge.audit(query, 1);
        assertEquals(1, found.path("total").asInt(), query);
        return edge.get("/v1/audit/" + found.path("items").path(0).path("id").asText());
    }

    @Test
    void operationsAreFoundByUserAndByOperationWithBeforeAndAfter() throws Exception {
        ask("u-17", "/orders", "{\"id\":\"O-1\",\"amount\":129.90}").andExpect(status().isOk());
        ask("u-17", "/orders/O-1/payments", "{\"cardNumber\":\"4111111111111111\"}").andExpect(status().isOk());
        ask("u-18", "/orders/O-1/refunds", "{\"amount\":29.90}").andExpect(jsonPath("$.refunded").value(29.90));

        assertEquals(2, edge.audit("user:u-17", 2).path("total").asInt());
        JsonNode created = only("action:order.create user:u-17");
        assertEquals("created", created.at("/after/state").asText());
        assertTrue(created.path("before").isNull());

        JsonNode paid = only("action:order.pay");
        assertEquals("created paid", paid.at("/before/state").asText() + " " + paid.at("/after/state").asText());
        assertFalse(paid.toString().contains("4111111111111111"), paid.toString());

        JsonNode refunded = only("action:order.refund user:u-18 outcome:success");
        assertEquals("paid refunded", refunded.at("/before/state").asText() + " " + refunded.at("/after/state").asText());
        assertEquals("0 29.9", refunded.at("/before/refunded").asText() + " " + refunded.at("/after/refunded").asText());
        assertEquals("order O-1", refunded.at("/targets/0/type").asText() + " " + refunded.at("/targets/0/id").asText());
        assertEquals("O-1", refunded.at("/references/0/id").asText());
        assertEquals(29.9, refunded.at("/request/amount").asDouble());
        assertEquals(SESSION + " " + TAB, refunded.path("session_id").asText() + " " + refunded.path("tab").asText());
        assertEquals(TRACE, refunded.path("trace_id").asText());
        assertEquals("127.0.0.1 Firefox", refunded.at("/origin/ip").asText() + " " + refunded.at("/origin/user_agent").asText());
        assertEquals("support", refunded.at("/actor/roles/0").asText());
    }

    /** The click in the page, its request, and what the service did then: one moment of the replay. */
    @Test
    void anOperationOpensTheReplayAtItsRequest() throws Exception {
        long began = System.currentTimeMillis() - 5_000;
        String session = String.format("%08x-%04x-7000-8000-00000000c11c", began >> 16, began & 0xffff);
        String trace = "0af7651916cd43dd8448eb211c80319c";
        edge.record(session, TAB, visit(began, trace));
        ask("u-21", "/orders", "{\"id\":\"O-4\",\"amount\":5}", session, trace).andExpect(status().isOk());

        String id = only("action:order.create user:u-21").path("id").asText();
        JsonNode[] moment = new JsonNode[1];
        RealEdge.until("a moment of " + session, () -> {
            moment[0] = edge.get("/v1/audit/" + id).path("moment");
            return moment[0].isObject();
        });
        assertEquals(session + " " + TAB + " trace", String.join(" ",
                moment[0].path("session_id").asText(), moment[0].path("tab").asText(), moment[0].path("match").asText()));
        assertEquals(4_000 - REQUEST_MS, moment[0].path("offset_ms").asLong());
        long at = began + moment[0].path("offset_ms").asLong();
        String played = edge.text("/v1/replays/" + session + "/events?tab=" + TAB + "&from_ms=" + at);
        assertTrue(played.contains("Create order"), played);
    }

    /** A page with a button that is clicked; 4 s after its beginning the request to the service has been answered. */
    private static String visit(long began, String trace) {
        String page = "{\"type\":0,\"id\":1,\"childNodes\":[{\"type\":2,\"id\":2,\"tagName\":\"button\",\"attributes\":{},"
                + "\"childNodes\":[{\"type\":3,\"id\":3,\"textContent\":\"Create order\"}]}]}";
        String request = "{\"url\":\"https://shop.example/orders\",\"method\":\"POST\",\"status\":200,\"duration_ms\":" + REQUEST_MS + ","
                + "\"trace_id\":\"" + trace + "\"}";
        return String.join("\n",
                event(4, began, "{\"href\":\"https://shop.example/\",\"width\":800,\"height\":600}"),
                event(2, began + 1, "{\"node\":" + page + ",\"initialOffset\":{\"top\":0,\"left\":0}}"),
                event(3, began + 3_990, "{\"source\":2,\"type\":2,\"id\":2,\"x\":1,\"y\":1}"),
                event(5, began + 4_000, "{\"tag\":\"hindsight.network\",\"payload\":" + request + "}"));
    }

    private static String event(int type, long at, String data) {
        return "{\"type\":" + type + ",\"timestamp\":" + at + ",\"data\":" + data + "}";
    }

    @Test
    void anOperationThatFailsIsFoundAsAFailure() throws Exception {
        ask("u-19", "/orders", "{\"id\":\"O-2\",\"amount\":10}").andExpect(status().isOk());
        ask("u-19", "/orders/O-2/refunds", "{\"amount\":11}").andExpect(status().isUnprocessableEntity());
        JsonNode failed = only("user:u-19 outcome:failure");
        assertEquals("IllegalArgumentException: more than was paid: 11", failed.path("error").asText());
        assertEquals("created", failed.at("/before/state").asText());
    }

    @Test
    void nothingIsLostOfWhatTheServiceDid() throws Exception {
        HindsightClient client = service.getBean(HindsightClient.class);
        ask("u-20", "/orders", "{\"id\":\"O-3\",\"amount\":1}");
        assertTrue(client.flush(Duration.ofSeconds(30)));
        assertEquals(0, client.stats().lost() + client.stats().refused());
        assertEquals(client.stats().recorded(), client.stats().kept());
    }
}
