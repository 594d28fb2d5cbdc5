package dev.hindsight.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.math.BigDecimal;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a call costs the caller, beside what else could be done with the same order: reading it as JSON without masking
 * (the least that anything with before and after must do), and posting it. And whether 10,000 events a second arrive.
 *
 * <p>Not a test of every build: {@code tools/bench-clients} runs it. One thread; each call is timed by itself.
 */
@Tag("benchmark")
class CallerBenchmark {

    private static final int RATE = 10_000;
    private static final int SECONDS = 10;

    @TempDir
    Path folder;

    record Line(String product, int count, BigDecimal price) {}

    record Order(
            String id, String state, String customer, Instant createdAt, BigDecimal amount, String currency, String cardNumber,
            String address, boolean gift, List<Line> lines) {}

    private static Order order(String state) {
        List<Line> lines = List.of(
                new Line("stool, oak", 2, new BigDecimal("64.95")),
                new Line("桌子", 1, new BigDecimal("129.00")),
                new Line("lamp", 3, new BigDecimal("19.90")));
        return new Order(
                "O-20261122-1001", state, "u-17", Instant.EPOCH, new BigDecimal("318.60"), "CNY", "4111111111111111",
                "南京西路 1 号, 上海", false, lines);
    }

    private static AuditEvent event(Order before, Order after) {
        return AuditEvent.of("order.refund")
                .operation("update")
                .user("u-17", "li")
                .target("order", before.id())
                .reference("order", before.id())
                .measure("amount", 29.9)
                .before(before)
                .after(after);
    }

    @Test
    void costsOfACall() throws Exception {
        Order before = order("paid");
        Order after = order("refunded");
        ObjectMapper plain = new ObjectMapper().registerModule(new JavaTimeModule());
        try (RealEdge edge = RealEdge.start(folder)) {
            HindsightOptions options = HindsightOptions.builder(edge.url(), edge.writeKey())
                    .spillFolder(folder.resolve("spill"))
                    .memoryBytes(512 << 20)
                    .build();
            try (HindsightClient client = HindsightClient.start(options)) {
                time("warm-up", 50_000, 0, () -> client.record(event(before, after)));
                assertTrue(client.flush(Duration.ofMinutes(3)));
                time("before and after by Jackson alone", RATE * SECONDS, RATE, () -> {
                    plain.writeValueAsBytes(before);
                    plain.writeValueAsBytes(after);
                });
                long recorded = client.stats().recorded();
                Instant start = Instant.now();
                time("HindsightClient.record", RATE * SECONDS, RATE, () -> client.record(event(before, after)));
                assertTrue(client.flush(Duration.ofMinutes(3)));
                double seconds = Duration.between(start, Instant.now()).toMillis() / 1e3;
                Stats stats = client.stats();
                System.out.printf(
                        Locale.ROOT, "%-36s %d events kept %.1f s after the first call: %.0f a second; lost %d%n", "at the edge",
                        stats.kept() - recorded, seconds, (stats.kept() - recorded) / seconds, stats.lost());
                assertEquals(stats.recorded(), stats.kept());
            }
            HttpClient http = HttpClient.newHttpClient();
            HttpRequest.Builder post = HttpRequest.newBuilder(edge.url().resolve("/v1/audit"))
                    .header("Authorization", "Bearer " + edge.writeKey());
            time("one POST a call", 2_000, 0, () -> {
                String body = "{\"action\":\"order.refund\",\"before\":" + plain.writeValueAsString(before) + ",\"after\":"
                        + plain.writeValueAsString(after) + "}";
                byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
                assertEquals(202, http.send(post.copy().POST(BodyPublishers.ofByteArray(bytes)).build(), BodyHandlers.ofString()).statusCode());
            });
        }
    }

    private interface Work {
        void run() throws Exception;
    }

    /** Times each call; {@code rate} a second, 0: as fast as it goes. */
    private static void time(String what, int calls, int rate, Work work) throws Exception {
        long[] took = new long[calls];
        long start = System.nanoTime();
        for (int call = 0; call < calls; call++) {
            if (rate > 0 && call % 10 == 0) {
                for (long early; (early = start + call * 1_000_000_000L / rate - System.nanoTime()) > 0; ) {
                    LockSupport.parkNanos(early);
                }
            }
            long before = System.nanoTime();
            work.run();
            took[call] = System.nanoTime() - before;
        }
        double mean = Arrays.stream(took).average().orElse(0) / 1e3;
        Arrays.sort(took);
        System.out.printf(
                Locale.ROOT, "%-36s %7d calls: mean %8.1f us, p50 %8.1f, p99 %8.1f, p99.9 %8.1f%n", what, calls, mean,
                took[calls / 2] / 1e3, took[(int) (calls * 0.99)] / 1e3, took[(int) (calls * 0.999)] / 1e3);
    }
}
