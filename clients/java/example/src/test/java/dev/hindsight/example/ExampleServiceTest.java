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
        return http.perform(post(path)
                .contentType(MediaType.APPLICATION_JSON)
                .content(body)
                .header("X-User", user)
                .header("X-User-Name", "li")
                .header("User-Agent", "Firefox")
                .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
                .header("baggage", "user=x,hindsight.session=" + SESSION)
                .header("baggage", "hindsight.tab=w1_9"));
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
        assertEquals(SESSION + " w1_9", refunded.path("session_id").asText() + " " + refunded.path("tab").asText());
        assertEquals("4bf92f3577b34da6a3ce929d0e0e4736", refunded.path("trace_id").asText());
        assertEquals("127.0.0.1 Firefox", refunded.at("/origin/ip").asText() + " " + refunded.at("/origin/user_agent").asText());
        assertEquals("support", refunded.at("/actor/roles/0").asText());
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
