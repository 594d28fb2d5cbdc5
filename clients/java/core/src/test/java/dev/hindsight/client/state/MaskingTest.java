package dev.hindsight.client.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.hindsight.client.Vectors;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** What never leaves the service, and what no object can do to its caller. */
class MaskingTest {

    private final StateWriter states = new StateWriter(new Masking(Set.of(), Set.of(), false), 32);

    @TestFactory
    Stream<DynamicTest> vectors() {
        JsonNode file = Vectors.read("masking.json");
        Masking plain = new Masking(Set.of(), Set.of(), false);
        Stream<DynamicTest> names = Stream.of("sensitive", "open").flatMap(kind -> file.path(kind).valueStream()
                .map(name -> DynamicTest.dynamicTest(
                        kind + " " + name.asText(), () -> assertEquals(kind.equals("sensitive"), plain.isSensitive(name.asText())))));
        Stream<DynamicTest> cases = file.path("cases").valueStream()
                .map(one -> DynamicTest.dynamicTest(one.path("name").asText(), () -> {
                    JsonNode settings = one.path("settings");
                    Masking own = new Masking(
                            set(settings.path("names")), set(settings.path("except")), settings.path("phones").asBoolean());
                    byte[] masked = new StateWriter(own, 32).write(one.get("value"));
                    assertEquals(one.get("expect"), Vectors.JSON.readTree(masked));
                }));
        return Stream.concat(names, cases);
    }

    private static Set<String> set(JsonNode texts) {
        Set<String> set = new HashSet<>();
        texts.forEach(text -> set.add(text.asText()));
        return set;
    }

    @Test
    void whatIsRememberedOfNamesIsBounded() {
        Masking masking = new Masking(Set.of(), Set.of(), false);
        for (int number = 0; number < 3 * Masking.MOST_REMEMBERED; number++) {
            assertFalse(masking.isSensitive("field" + number));
        }
        assertTrue(masking.isSensitive("password"));
    }

    record Policy(String id, LocalDate from, Optional<String> note, String password, byte[] scan) {}

    @Test
    void objectsAreReadAsTheirFields() {
        Policy policy = new Policy("P-9", LocalDate.of(2026, 11, 22), Optional.empty(), "x", new byte[] {1, 2});
        assertEquals(
                "{\"id\":\"P-9\",\"from\":\"2026-11-22\",\"note\":null,\"password\":\"***\",\"scan\":\"AQI=\"}", json(policy));
    }

    public static final class Hostile {
        public String getName() {
            throw new IllegalStateException("no session");
        }
    }

    public static final class Endless {
        public Endless getNext() {
            return new Endless();
        }
    }

    @Test
    void anObjectThatCantBeReadSaysSo() {
        assertEquals("\"[unreadable: IllegalStateException]\"", json(new Hostile()));
        assertTrue(json(new Endless()).startsWith("\"[unreadable: "), json(new Endless()));
        List<Object> cycle = new ArrayList<>();
        cycle.add(cycle);
        assertTrue(json(cycle).startsWith("\"[unreadable: "));
        List<Object> wide = new ArrayList<>();
        for (int number = 0; number < BoundedGenerator.MOST_TOKENS; number++) {
            wide.add(Map.of("a", number));
        }
        assertEquals("\"[unreadable: more than 20000 values]\"", json(wide));
    }

    @Test
    void numbersThatJsonHasNot() throws IOException {
        assertEquals("[\"NaN\",\"Infinity\",0.1]", json(List.of(Double.NaN, Double.POSITIVE_INFINITY, 0.1)));
    }

    private String json(Object state) {
        return new String(states.write(state), StandardCharsets.UTF_8);
    }
}
