package dev.hindsight.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.File;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against the real edge: killed and back, the service killed and back; nothing lost, nothing twice. */
class EdgeTest {

    @TempDir
    static Path edgeFolder;

    static RealEdge edge;

    @TempDir
    Path folder;

    @BeforeAll
    static void startEdge() throws Exception {
        edge = RealEdge.start(edgeFolder);
    }

    @AfterAll
    static void stopEdge() throws Exception {
        edge.close();
    }

    private HindsightOptions.Builder options() {
        return HindsightOptions.builder(edge.url(), edge.writeKey()).spillFolder(folder.resolve("spill")).batchWait(Duration.ofMillis(200));
    }

    /** Each of these ids exactly once, also in the rows. */
    private void checkOnce(String action, int events) throws Exception {
        assertEquals(events, edge.audit("action:" + action, events).path("total").asInt());
        RealEdge.until(events + " rows of " + action, () -> count(action).equals(events + "\t" + events));
    }

    private String count(String action) throws Exception {
        return edge.sql("SELECT count(), uniqExact(id) FROM audit WHERE action = '" + action + "'");
    }

    @Test
    void theEdgeIsKilledAndComesBack() throws Exception {
        int events = 4_000;
        try (HindsightClient client = HindsightClient.start(options().build())) {
            for (int number = 0; number < events; number++) {
                client.record(AuditEvent.of("java.killed").target("order", number).after(Map.of("number", number)));
                if (number == 1_000) {
                    edge.kill();
                } else if (number == 3_000) {
                    RealEdge.until("away", () -> client.stats().isAway());
                    edge.restart();
                }
            }
            RealEdge.until("all kept", () -> client.stats().kept() == events);
            assertEquals(0, client.stats().lost());
            assertEquals(0, client.stats().waitingBytesOnDisk());
        }
        checkOnce("java.killed", events);
    }

    @Test
    void whatAKilledServiceHadOnDiskIsSentByTheNext() throws Exception {
        List<String> command = List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(), "-cp", System.getProperty("java.class.path"),
                Halted.class.getName(), folder.resolve("spill").toString());
        File log = folder.resolve("service.log").toFile();
        Process service = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log).start();
        assertEquals(Halted.CODE, service.waitFor(), () -> "see " + log);
        try (HindsightClient next = HindsightClient.start(options().build())) {
            assertTrue(next.flush(Duration.ofSeconds(30)));
        }
        checkOnce("java.halted.spilled", 250);
        checkOnce("java.halted.ended", 1);
        JsonNode unknown = edge.audit("action:java.halted.begun", 1).path("items").path(0);
        assertEquals("failure", unknown.path("outcome").asText());
        assertTrue(unknown.path("error").asText().startsWith("outcome unknown"), unknown.toString());
    }

    /** A service without an edge that ends as by kill -9 in the middle of a strict operation. */
    static final class Halted {
        static final int CODE = 9;

        public static void main(String[] arguments) throws Exception {
            HindsightOptions options = HindsightOptions.builder(URI.create("http://127.0.0.1:1"), "k")
                    .spillFolder(Path.of(arguments[0])).batchWait(Duration.ofMillis(50)).build();
            HindsightClient client = HindsightClient.start(options);
            for (int number = 0; number < 250; number++) {
                client.record(AuditEvent.of("java.halted.spilled").target("order", number));
            }
            if (!client.flush(Duration.ofSeconds(20))) {
                System.exit(1);
            }
            client.begin(AuditEvent.of("java.halted.begun").strict(true));
            client.begin(AuditEvent.of("java.halted.ended").strict(true)).succeed();
            Runtime.getRuntime().halt(CODE);
        }
    }

    @Test
    void strictOperationsAreRefusedWhereNothingCanBeKept() throws Exception {
        Path file = Files.writeString(folder.resolve("no-folder"), "");
        try (HindsightClient client = HindsightClient.start(options().spillFolder(file).strict(true).build())) {
            List<String> ran = new ArrayList<>();
            assertThrows(OperationRefused.class, () -> client.around(AuditEvent.of("java.refused"), () -> ran.add("ran")));
            assertEquals(List.of(), ran);
            client.around(AuditEvent.of("java.lenient").strict(false), () -> ran.add("ran"));
            assertEquals(List.of("ran"), ran);
        }
        checkOnce("java.lenient", 1);
    }

    @Test
    void whatTheBusinessCallThrowsIsItsOwnAndIsTold() throws Exception {
        try (HindsightClient client = HindsightClient.start(options().build())) {
            IllegalStateException own = new IllegalStateException("card declined");
            assertEquals(own, assertThrows(IllegalStateException.class, () -> client.around(AuditEvent.of("java.failed"), () -> {
                throw own;
            })));
            client.begin(AuditEvent.of("java.left")).close();
        }
        JsonNode failed = edge.audit("action:java.failed", 1).path("items").path(0);
        assertEquals("failure IllegalStateException: card declined", failed.path("outcome").asText() + " " + failed.path("error").asText());
        assertEquals("failure", edge.audit("action:java.left", 1).path("items").path(0).path("outcome").asText());
    }

    @Test
    void oneBadEventDoesntKeepTheOthersBack() throws Exception {
        try (HindsightClient client = HindsightClient.start(options().build())) {
            client.record(AuditEvent.of("java.good"));
            client.record(AuditEvent.of("java.bad").retentionClass("no such class"));
            client.record(AuditEvent.of("java.good"));
            assertTrue(client.flush(Duration.ofSeconds(30)));
            assertEquals("2 kept, 1 refused", client.stats().kept() + " kept, " + client.stats().refused() + " refused");
        }
        assertTrue(Files.readString(folder.resolve("spill/java-0/refused.jsonl")).contains("java.bad"));
        checkOnce("java.good", 2);
    }
}
