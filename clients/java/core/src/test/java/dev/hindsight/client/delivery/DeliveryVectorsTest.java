package dev.hindsight.client.delivery;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.hindsight.client.Vectors;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Answers, waits and batches as {@code clients/vectors} says. */
class DeliveryVectorsTest {

    @TestFactory
    Stream<DynamicTest> answers() {
        return Vectors.read("answers.json").valueStream().map(one -> DynamicTest.dynamicTest(one.path("name").asText(), () -> {
            JsonNode body = one.path("body");
            byte[] bytes = body.isTextual() ? body.asText().getBytes() : Vectors.JSON.writeValueAsBytes(body);
            JsonNode retryAfter = one.path("headers").path("retry-after");
            Answer.Response response = new Answer.Response(
                    one.path("status").asInt(), retryAfter.isMissingNode() ? null : retryAfter.asText(), bytes, "none");
            Answer answer = Answer.of(response, one.path("sent").asInt());
            JsonNode expect = one.path("expect");
            assertEquals(expect.path("action").asText(), answer.getClass().getSimpleName().toLowerCase());
            if (answer instanceof Answer.Later later) {
                assertEquals(expect.path("after_ms").asLong(0), later.afterMs());
            }
            if (answer instanceof Answer.Kept kept) {
                List<Integer> refused = kept.refused().stream().map(Answer.Refused::index).toList();
                assertEquals(expect.path("rejected").valueStream().map(JsonNode::asInt).toList(), refused);
            }
        }));
    }

    @TestFactory
    Stream<DynamicTest> waits() {
        return Vectors.read("backoff.json").path("cases").valueStream().map(one -> DynamicTest.dynamicTest(one.toString(), () -> {
            Answer answer = one.path("hold").asBoolean() ? new Answer.Hold("") : new Answer.Later(one.path("after_ms").asLong(0), "");
            for (int seed = 0; seed < 100; seed++) {
                Backoff backoff = new Backoff(new SplittableRandom(seed));
                long wait = 0;
                for (int failure = 0; failure < one.path("failures").asInt(); failure++) {
                    wait = backoff.failedMs(answer);
                }
                assertTrue(wait >= one.path("least_ms").asLong() && wait <= one.path("most_ms").asLong(), "waits " + wait);
            }
        }));
    }

    @TestFactory
    Stream<DynamicTest> batches() {
        return Vectors.read("batches.json").valueStream().map(one -> DynamicTest.dynamicTest(one.path("name").asText(), () -> {
            JsonNode settings = one.path("settings");
            BatchRule rule = new BatchRule(
                    settings.path("batch_events").asInt(), settings.path("batch_bytes").asInt(), settings.path("batch_wait_ms").asLong());
            MemoryQueue queue = new MemoryQueue(rule, Long.MAX_VALUE);
            List<String> cut = new ArrayList<>();
            for (JsonNode step : one.path("steps")) {
                long now = step.path("at_ms").asLong();
                step.path("add").forEach(bytes -> queue.offer(new Item(new byte[bytes.asInt()], now, null), false));
                while (queue.isDue(now)) {
                    cut.add(now + ": " + queue.take(rule.events(), rule.bytes()).size());
                }
            }
            List<String> expect = one.path("expect").valueStream()
                    .map(batch -> batch.path("at_ms").asLong() + ": " + batch.path("events").asInt())
                    .toList();
            assertEquals(expect, cut);
        }));
    }
}
