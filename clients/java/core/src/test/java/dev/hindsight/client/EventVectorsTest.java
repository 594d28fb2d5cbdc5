package dev.hindsight.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.hindsight.client.state.Masking;
import dev.hindsight.client.state.StateWriter;
import java.io.IOException;
import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Drafts to lines, and headers to contexts, as {@code clients/vectors} says. */
class EventVectorsTest {

    @TestFactory
    Stream<DynamicTest> events() {
        return Vectors.read("events.json").valueStream().map(one -> DynamicTest.dynamicTest(one.path("name").asText(), () -> {
            JsonNode settings = one.path("settings");
            StateWriter states = new StateWriter(new Masking(Set.of(), Set.of(), false), settings.path("state_depth").asInt(32));
            EventEncoder encoder = new EventEncoder(states, settings.path("event_bytes").asInt(256 << 10));
            AuditEvent event = draft(one.path("event"));
            JsonNode line = Vectors.JSON.readTree(encoder.encode(event, encoder.capture(event)));
            assertEquals(plain(value(one.path("expect"))), plain(line));
        }));
    }

    @TestFactory
    Stream<DynamicTest> contexts() {
        return Vectors.read("context.json").valueStream().map(one -> DynamicTest.dynamicTest(one.path("name").asText(), () -> {
            RequestContext found = RequestContext.parse(text(one.get("traceparent")), text(one.get("baggage")));
            JsonNode expect = one.path("expect");
            assertEquals(
                    new RequestContext(text(expect.get("session_id")), text(expect.get("tab")), text(expect.get("trace_id")), null, null),
                    found);
        }));
    }

    @Test
    void anEventOfItsOwnVisitTakesNoTabFromTheRequest() throws IOException {
        RequestContext request = new RequestContext("s-request", "t-request", "trace", "192.0.2.1", "curl");
        AuditEvent event = AuditEvent.of("a").visit("s-own", null, null);
        event.seen(request);
        assertEquals("s-own null trace", event.sessionId + " " + event.tab + " " + event.traceId);
    }

    @Test
    void idsAreOfVersionSevenAndDiffer() {
        EventIds ids = new EventIds();
        Set<String> seen = new java.util.HashSet<>();
        for (int count = 0; count < 10_000; count++) {
            String id = ids.next(1_795_321_800_123L);
            assertTrue(id.matches("01a20184-a5bb-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"), id);
            assertTrue(seen.add(id), id);
        }
    }

    private static AuditEvent draft(JsonNode said) {
        AuditEvent event = AuditEvent.of(String.valueOf(value(said.path("action"))))
                .id(text(said.get("id")))
                .occurredAt(Instant.parse(said.path("occurred_at").asText()))
                .operation(text(said.get("operation")))
                .request(value(said.get("request")))
                .response(value(said.get("response")))
                .before(value(said.get("before")))
                .after(value(said.get("after")))
                .visit(text(said.get("session_id")), text(said.get("tab")), text(said.get("trace_id")))
                .retentionClass(text(said.get("class")));
        JsonNode actor = said.path("actor");
        if (actor.isObject()) {
            event.actor(text(actor.get("type")), text(actor.get("id")), text(actor.get("name")));
            event.roles(actor.path("roles").valueStream().map(JsonNode::asText).toList());
        }
        said.path("targets").forEach(one -> event.target(text(one.get("type")), text(one.get("id"))));
        said.path("references").forEach(one -> event.reference(text(one.get("type")), text(one.get("id"))));
        said.path("measures").properties().forEach(one -> event.measure(one.getKey(), one.getValue().numberValue()));
        said.path("extra").properties().forEach(one -> event.extra(one.getKey(), value(one.getValue())));
        JsonNode origin = said.path("origin");
        event.origin(text(origin.get("ip")), text(origin.get("user_agent")), text(origin.get("device")));
        if (said.has("error")) {
            event.error(String.valueOf(value(said.get("error"))));
        }
        return event;
    }

    private static String text(JsonNode node) {
        return node == null || node.isNull() ? null : node.asText();
    }

    /** A value of a case as the application would have it; shorthand as in {@code clients/vectors/README.md}. */
    private static Object value(JsonNode node) {
        if (node == null || node.isNull()) {
            return null;
        } else if (node.has("repeat")) {
            return node.path("repeat").asText().repeat(node.path("times").asInt());
        } else if (node.has("code_units")) {
            StringBuilder text = new StringBuilder();
            node.path("code_units").forEach(unit -> text.append((char) unit.asInt()));
            return text.toString();
        } else if (node.has("integer")) {
            return new BigInteger(node.path("integer").asText());
        } else if (node.isObject()) {
            Map<String, Object> members = new LinkedHashMap<>();
            node.properties().forEach(member -> members.put(member.getKey(), value(member.getValue())));
            return members;
        } else if (node.isArray()) {
            List<Object> items = new ArrayList<>();
            node.forEach(item -> items.add(value(item)));
            return items;
        } else if (node.isNumber()) {
            return node.numberValue();
        }
        return node.isBoolean() ? node.booleanValue() : node.asText();
    }

    /** Without the difference between 1 and 1.0 or the order of members. */
    private static String plain(Object value) throws IOException {
        Object tree = Vectors.JSON.convertValue(value, Object.class);
        return Vectors.JSON.writer(com.fasterxml.jackson.databind.SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
                .writeValueAsString(tree);
    }
}
