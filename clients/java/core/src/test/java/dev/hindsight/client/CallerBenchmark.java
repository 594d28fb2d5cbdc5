package dev.hindsight.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.math.BigDecimal;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a call costs the caller, beside the same order without a client, and beside what else could be done with it: reading
 * it as JSON without masking (the least that anything with before and after must do), and posting it. And whether 10,000
 * events a second arrive.
 *
 * <p>Not a test of every build: {@code tools/bench-clients} runs it. One thread; each call is timed by itself. What was found
 * goes to the file {@code HINDSIGHT_FIGURES}, one JSON object a line, from which the report is made.
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
                time(50_000, 0, () -> client.record(event(before, after)));
                assertTrue(client.flush(Duration.ofMinutes(3)));
                tell("without_client", time(RATE * SECONDS, RATE, () -> order("refunded")));
                tell("json_alone", time(RATE * SECONDS, RATE, () -> {
                    plain.writeValueAsBytes(before);
                    plain.writeValueAsBytes(after);
                }));
                long recorded = client.stats().recorded();
                Instant start = Instant.now();
                tell("call", time(RATE * SECONDS, RATE, () -> client.record(event(before, after))));
                assertTrue(client.flush(Duration.ofMinutes(3)));
                double seconds = Duration.between(start, Instant.now()).toMillis() / 1e3;
                Stats stats = client.stats();
                tell("kept", Map.of("per_s", (stats.kept() - recorded) / seconds, "lost", stats.lost()));
                assertEquals(stats.recorded(), stats.kept());
            }
            HttpClient http = HttpClient.newHttpClient();
            HttpRequest.Builder post = HttpRequest.newBuilder(edge.url().resolve("/v1/audit"))
                    .header("Authorization", "Bearer " + edge.writeKey());
            tell("one_post", time(2_000, 0, () -> {
                String body = "{\"action\":\"order.refund\",\"before\":" + plain.writeValueAsString(before) + ",\"after\":"
                        + plain.writeValueAsString(after) + "}";
                byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
                assertEquals(202, http.send(post.copy().POST(BodyPublishers.ofByteArray(bytes)).build(), BodyHandlers.ofString()).statusCode());
            }));
        }
    }

    private interface Work {
        void run() throws Exception;
    }

    /** Times each call; {@code rate} a second, 0: as fast as it goes. */
    private static Map<String, Object> time(int calls, int rate, Work work) throws Exception {
        long[] took = new long[calls];
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long used = threads.getCurrentThreadCpuTime();
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
        // What neighbours take from this machine is not in it; the pauses between calls cost a little and are.
        double cpu = (threads.getCurrentThreadCpuTime() - used) / 1e3 / calls;
        double mean = Arrays.stream(took).average().orElse(0) / 1e3;
        Arrays.sort(took);
        return Map.of(
                "calls", calls, "cpu_us", cpu, "mean_us", mean, "p50_us", took[calls / 2] / 1e3, "p99_us", took[(int) (calls * 0.99)] / 1e3,
                "p999_us", took[(int) (calls * 0.999)] / 1e3);
    }

    private static void tell(String figure, Map<String, Object> values) throws Exception {
        Map<String, Object> line = new TreeMap<>(values);
        line.put("client", "java");
        line.put("figure", figure);
        String json = new ObjectMapper().writeValueAsString(line);
        System.out.println(json);
        String file = System.getenv("HINDSIGHT_FIGURES");
        if (file != null) {
            Files.writeString(Path.of(file), json + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        }
    }
}
