package dev.hindsight.client.delivery;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hindsight.client.spill.SpillStore;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The courier turn by turn, with a clock and an edge of the test. */
class CourierTest {

    private static final BatchRule RULE = new BatchRule(2, 1_000, 5_000);

    @TempDir
    Path folder;

    private long now = 1_000_000;
    private final List<String> sent = new ArrayList<>();
    private final List<CompletableFuture<Answer.Response>> open = new ArrayList<>();
    private final Counters counters = new Counters();

    private Courier courier(SpillStore spill, long memoryBytes, int inFlight) {
        Transport edge = lines -> {
            sent.add(new String(lines, StandardCharsets.UTF_8).replace('\n', ' ').strip());
            open.add(new CompletableFuture<>());
            return open.get(open.size() - 1);
        };
        return new Courier(RULE, memoryBytes, inFlight, edge, spill, () -> now, new SplittableRandom(1), counters);
    }

    private void give(Courier courier, String... events) {
        for (String event : events) {
            courier.offer(new Item(event.getBytes(StandardCharsets.UTF_8), now, null));
        }
    }

    private void answer(Courier courier, int request, int status, String body) {
        open.get(request).complete(new Answer.Response(status, null, body.getBytes(StandardCharsets.UTF_8), "away"));
        courier.turnNow();
    }

    private static String kept(int events) {
        return "{\"accepted\":" + events + ",\"errors\":[]}";
    }

    @Test
    void awayEverythingGoesToDiskAndComesBackInOrder() throws IOException {
        try (SpillStore spill = SpillStore.open(folder, 10_000)) {
            Courier courier = courier(spill, 10_000, 2);
            give(courier, "1", "2");
            courier.turnNow();
            answer(courier, 0, 503, "");
            give(courier, "3", "4", "5", "6");
            courier.turnNow();
            assertEquals(List.of("1 2"), sent, "nothing is tried before the backoff is over");
            assertEquals(0, courier.waiting());
            now += Backoff.FIRST_MS;
            courier.turnNow();
            assertEquals(List.of("1 2", "1 2"), sent, "one batch is tried");
            answer(courier, 1, 0, "");
            now += Backoff.MOST_MS;
            courier.turnNow();
            answer(courier, 2, 202, kept(2));
            assertEquals(List.of("1 2", "1 2", "1 2", "3 4 5 6"), sent);
            answer(courier, 3, 202, kept(4));
            assertEquals(0, spill.pendingBytes());
            assertEquals(6, counters.kept.sum());
        }
    }

    @Test
    void whatWasOnDiskIsSentByTheNextProcess() throws IOException {
        try (SpillStore spill = SpillStore.open(folder, 10_000)) {
            Courier courier = courier(spill, 10_000, 1);
            give(courier, "1", "2", "3");
            courier.turnNow();
            CompletableFuture<Boolean> end = courier.end();
            courier.turnNow();
            assertTrue(end.join(), "what was on its way and what waited is on disk");
        }
        try (SpillStore spill = SpillStore.open(folder, 10_000)) {
            Courier courier = courier(spill, 10_000, 2);
            courier.turnNow();
            assertEquals(List.of("1 2", "1 2", "3"), sent);
        }
    }

    @Test
    void aSlowEdgeFillsMemoryToTheHalfThenTheDisk() throws IOException {
        try (SpillStore spill = SpillStore.open(folder, 10_000)) {
            Courier courier = courier(spill, 8, 1);
            give(courier, "1", "2", "3", "4");
            courier.turnNow();
            assertEquals(List.of("1 2"), sent);
            assertEquals(2, courier.waiting(), "below the half");
            give(courier, "5", "6");
            courier.turnNow();
            assertEquals(0, courier.waiting());
            assertTrue(spill.pendingBytes() > 0);
            answer(courier, 0, 202, kept(2));
            assertEquals(List.of("1 2", "3 4 5 6"), sent);
        }
    }

    @Test
    void withoutDiskTheNewestIsLostAndCounted() {
        Courier courier = courier(null, 4, 1);
        give(courier, "1", "2");
        courier.turnNow();
        answer(courier, 0, 503, "");
        give(courier, "3", "4", "5", "6");
        assertEquals(2, counters.lost.sum());
        now += Backoff.FIRST_MS;
        courier.turnNow();
        answer(courier, 1, 202, kept(2));
        answer(courier, 2, 202, kept(2));
        assertEquals(List.of("1 2", "1 2", "3 4"), sent);
        assertEquals(6, counters.recorded.sum());
        assertEquals(4, counters.kept.sum());
    }

    @Test
    void aFullDiskLeavesEventsInMemory() throws IOException {
        try (SpillStore spill = SpillStore.open(folder, 5)) {
            Courier courier = courier(spill, 100, 1);
            give(courier, "1", "2");
            courier.turnNow();
            answer(courier, 0, 503, "");
            give(courier, "3", "4");
            courier.turnNow();
            assertEquals(2, courier.waiting(), "the second batch doesn't fit");
            now += Backoff.FIRST_MS;
            courier.turnNow();
            answer(courier, 1, 202, kept(2));
            answer(courier, 2, 202, kept(2));
            assertEquals(List.of("1 2", "1 2", "3 4"), sent);
            assertEquals(0, counters.lost.sum());
        }
    }

    @Test
    void whatTheEdgeRefusesIsSetAsideAndTheRestIsSent() throws IOException {
        try (SpillStore spill = SpillStore.open(folder, 1_000)) {
            Courier courier = courier(spill, 100, 2);
            give(courier, "1", "{}");
            courier.turnNow();
            answer(courier, 0, 400, "{\"reason\":\"not_json\"}");
            assertEquals(List.of("1 {}", "1", "{}"), sent);
            answer(courier, 1, 202, kept(1));
            answer(courier, 2, 422, "{\"reason\":\"invalid_audit\",\"detail\":\"no action\"}");
            assertEquals("1 kept, 1 refused", counters.kept.sum() + " kept, " + counters.refused.sum() + " refused");
            assertFalse(courier.isAway());
            assertEquals(
                    "{\"refused\":\"422 invalid_audit no action\",\"event\":{}}\n",
                    java.nio.file.Files.readString(folder.resolve("java-0/refused.jsonl")));
        }
    }

    @Test
    void aWayToTheEdgeThatFailsLosesNothing() throws IOException {
        try (SpillStore spill = SpillStore.open(folder, 1_000)) {
            Transport broken = lines -> CompletableFuture.failedFuture(new IllegalStateException("broken"));
            Courier courier = new Courier(RULE, 100, 1, broken, spill, () -> now, new SplittableRandom(1), counters);
            give(courier, "1", "2");
            courier.turnNow();
            courier.turnNow();
            assertTrue(courier.isAway());
            assertEquals(4, spill.pendingBytes());
        }
    }

    @Test
    void aWrongKeyLosesNothing() throws IOException {
        try (SpillStore spill = SpillStore.open(folder, 1_000)) {
            Courier courier = courier(spill, 100, 2);
            give(courier, "1", "2");
            courier.turnNow();
            answer(courier, 0, 401, "{\"reason\":\"unknown_key\"}");
            assertTrue(courier.isAway());
            now += Backoff.MOST_MS - 1;
            courier.turnNow();
            assertEquals(1, sent.size());
            now += Backoff.HOLD_MS;
            courier.turnNow();
            answer(courier, 1, 202, kept(2));
            assertEquals(2, counters.kept.sum());
        }
    }
}
