package dev.hindsight.spring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import dev.hindsight.client.HindsightClient;
import dev.hindsight.client.OperationRefused;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.context.annotation.Configurations;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.MapPropertySource;

/** The aspect in a Spring context, with an edge of the test that only listens. */
class OperationLogTest {

    @TempDir
    Path folder;

    private final List<JsonNode> received = new CopyOnWriteArrayList<>();
    private HttpServer edge;
    private AnnotationConfigApplicationContext context;

    /** What is logged. */
    public static class Policies {
        private int premium = 100;

        public int premium() {
            return premium;
        }

        @OperationLog(
                operationType = "policy.update", saveBeforeState = true, saveAfterState = true, state = "{premium: #root.target}",
                targetType = "policy", targetId = "#id")
        public void brokenState(String id) {
            premium++;
        }

        @OperationLog(
                operationType = "policy.raise", saveBeforeState = true, saveAfterState = true, saveResult = true,
                state = "@policies.premium()", targetType = "policy", targetId = "#id", references = {"policy=#id", "new=#result"})
        public int raise(String id, int by, InputStream attachment) {
            premium += by;
            return premium;
        }

        @OperationLog(operationType = "policy.later")
        public CompletableFuture<String> later(CompletableFuture<String> when) {
            return when;
        }

        @OperationLog(operationType = "policy.fail", saveArguments = false)
        public void fail(RuntimeException failure) {
            throw failure;
        }
    }

    @Configuration
    static class Service {
        @Bean
        Policies policies() {
            return new Policies();
        }

        @Bean
        ActorProvider actor() {
            return () -> ActorProvider.Actor.user("u-17", "li");
        }
    }

    @BeforeEach
    void listen() throws IOException {
        edge = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        ObjectMapper json = new ObjectMapper();
        edge.createContext("/v1/audit", exchange -> {
            List<String> lines = new String(new GZIPInputStream(exchange.getRequestBody()).readAllBytes(), StandardCharsets.UTF_8)
                    .lines().toList();
            for (String line : lines) {
                received.add(json.readTree(line));
            }
            byte[] answer = ("{\"accepted\":" + lines.size() + ",\"errors\":[]}").getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(202, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        edge.start();
    }

    @AfterEach
    void stop() {
        if (context != null) {
            context.close();
        }
        edge.stop(0);
    }

    private Policies start(Map<String, Object> more) {
        context = new AnnotationConfigApplicationContext();
        Map<String, Object> settings = new java.util.HashMap<>(more);
        settings.putIfAbsent("hindsight.spill-folder", folder.resolve("spill").toString());
        settings.put("hindsight.url", "http://127.0.0.1:" + edge.getAddress().getPort());
        settings.put("hindsight.key", "k");
        context.getEnvironment().getPropertySources().addFirst(new MapPropertySource("test", settings));
        context.register(Service.class);
        context.register(Configurations.getClasses(AutoConfigurations.of(HindsightAutoConfiguration.class)));
        context.refresh();
        return context.getBean(Policies.class);
    }

    private JsonNode sent() {
        assertTrue(context.getBean(HindsightClient.class).flush(Duration.ofSeconds(10)));
        assertEquals(1, received.size());
        return received.get(0);
    }

    @Test
    void aCallIsAnEvent() {
        assertEquals(120, start(Map.of()).raise("P-9", 20, new ByteArrayInputStream(new byte[1])));
        JsonNode event = sent();
        assertEquals("policy.raise u-17 li", event.path("action").asText() + " " + event.at("/actor/id").asText() + " " + event.at("/actor/name").asText());
        assertEquals("100 120 120", event.path("before") + " " + event.path("after") + " " + event.path("response"));
        assertEquals("{\"id\":\"P-9\",\"by\":20,\"attachment\":\"[ByteArrayInputStream]\"}", event.path("request").toString());
        assertEquals("[{\"type\":\"policy\",\"id\":\"P-9\"}]", event.path("targets").toString());
        assertEquals("[{\"type\":\"policy\",\"id\":\"P-9\"},{\"type\":\"new\",\"id\":\"120\"}]", event.path("references").toString());
        assertEquals("success", event.path("outcome").asText());
    }

    @Test
    void aStateThatCantBeLoadedIsToldAndHarmsNothing() {
        start(Map.of()).brokenState("P-9");
        JsonNode event = sent();
        assertEquals("success", event.path("outcome").asText());
        assertEquals(List.of("before", "after"), event.at("/extra/state_errors").properties().stream().map(Map.Entry::getKey).toList());
    }

    @Test
    void whatTheCallThrowsIsItsOwn() {
        IllegalStateException own = new IllegalStateException("no");
        Policies policies = start(Map.of());
        assertSame(own, assertThrows(IllegalStateException.class, () -> policies.fail(own)));
        assertEquals("failure IllegalStateException: no", sent().path("outcome").asText() + " " + received.get(0).path("error").asText());
    }

    @Test
    void aCallThatEndsLaterIsAnEventThen() {
        CompletableFuture<String> when = new CompletableFuture<>();
        CompletableFuture<String> result = start(Map.of()).later(when);
        HindsightClient client = context.getBean(HindsightClient.class);
        assertTrue(client.flush(Duration.ofSeconds(10)));
        assertEquals(0, client.stats().recorded());
        when.completeExceptionally(new IllegalStateException("too late"));
        assertTrue(result.isCompletedExceptionally());
        assertEquals("IllegalStateException: too late", sent().path("error").asText());
    }

    @Test
    void aStrictServiceRefusesWhatItCantKeep() throws IOException {
        Path file = Files.writeString(folder.resolve("no-folder"), "");
        Policies policies = start(Map.of("hindsight.strict", "true", "hindsight.spill-folder", file.toString()));
        assertThrows(OperationRefused.class, () -> policies.raise("P-9", 20, null));
        assertEquals(100, policies.premium());
    }
}
