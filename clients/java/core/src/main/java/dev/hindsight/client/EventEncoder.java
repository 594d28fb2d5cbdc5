package dev.hindsight.client;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.SerializableString;
import com.fasterxml.jackson.core.io.SerializedString;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import dev.hindsight.client.state.StateWriter;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * A draft as the line that is sent: one JSON object in the contract's names, within the edge's limits.
 *
 * <p>What the edge would refuse is cut here instead (long names, long errors, too many targets): an event that says less
 * is worth more than one that is refused. Above {@code eventBytes} the largest states are left out and say so.
 */
final class EventEncoder {

    /** The edge's own limits. */
    private static final int NAME_CHARS = 256;

    private static final int SOURCE_ID_CHARS = 128;
    private static final int TEXT_CHARS = 16_384;
    private static final int LIST_ITEMS = 1_000;
    private static final JsonFactory JSON = new JsonFactory();
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS'Z'").withZone(ZoneOffset.UTC);
    private static final SerializableString[] STATE_NAMES = {
        new SerializedString("request"), new SerializedString("response"),
        new SerializedString("before"), new SerializedString("after"), new SerializedString("extra"),
    };

    private final StateWriter states;
    private final int eventBytes;

    EventEncoder(StateWriter states, int eventBytes) {
        this.states = states;
        this.eventBytes = eventBytes;
    }

    /** The states of an event as JSON, taken at a moment. */
    static final class States {
        private final byte[][] json = new byte[STATE_NAMES.length][];
    }

    /** Reads the states that a draft has now. */
    States capture(AuditEvent event) {
        States taken = new States();
        taken.json[0] = states.write(event.request);
        taken.json[1] = states.write(event.response);
        taken.json[2] = states.write(event.before);
        taken.json[3] = states.write(event.after);
        return taken;
    }

    void captureResponse(States taken, Object response) {
        taken.json[1] = states.write(response);
    }

    void captureBefore(States taken, Object before) {
        taken.json[2] = states.write(before);
    }

    void captureAfter(States taken, Object after) {
        taken.json[3] = states.write(after);
    }

    /** The line, without its line feed. */
    byte[] encode(AuditEvent event, States taken) {
        byte[][] json = taken.json.clone();
        json[4] = event.extra.isEmpty() ? null : states.write(event.extra);
        byte[] line = write(event, json);
        while (line.length > eventBytes && leaveOutLargest(json)) {
            line = write(event, json);
        }
        return line;
    }

    /** False where nothing is left to leave out. */
    private static boolean leaveOutLargest(byte[][] json) {
        byte[] largest = Arrays.stream(json)
                .filter(state -> state != null && state.length > 64)
                .max(Comparator.comparingInt(state -> state.length))
                .orElse(null);
        if (largest == null) {
            return false;
        }
        int at = Arrays.asList(json).indexOf(largest);
        json[at] = StateWriter.quoted("[left out: " + largest.length + " bytes]");
        if (at == 4) {
            json[at] = ("{\"left_out_bytes\":" + largest.length + "}").getBytes(StandardCharsets.US_ASCII);
        }
        return true;
    }

    private static byte[] write(AuditEvent event, byte[][] states) {
        try (ByteArrayBuilder out = new ByteArrayBuilder(1_024);
                JsonGenerator json = JSON.createGenerator(out)) {
            json.writeStartObject();
            writeFacts(event, json);
            for (int at = 0; at < states.length; at++) {
                if (states[at] != null) {
                    // Already JSON: the empty raw value makes the generator write what stands before a value.
                    json.writeFieldName(STATE_NAMES[at]);
                    json.writeRawValue("");
                    json.flush();
                    out.write(states[at]);
                }
            }
            writeSurroundings(event, json);
            json.writeEndObject();
            json.flush();
            return out.toByteArray();
        } catch (IOException impossible) {
            throw new IllegalStateException("memory can be written", impossible);
        }
    }

    private static void writeFacts(AuditEvent event, JsonGenerator json) throws IOException {
        text(json, "id", event.id, SOURCE_ID_CHARS);
        text(json, "occurred_at", time(event.occurredAt), NAME_CHARS);
        text(json, "action", event.action, NAME_CHARS);
        text(json, "operation", event.operation, NAME_CHARS);
        if (event.actorId != null || event.actorName != null || event.actorType != null) {
            json.writeObjectFieldStart("actor");
            text(json, "type", event.actorType, NAME_CHARS);
            text(json, "id", event.actorId, NAME_CHARS);
            text(json, "name", event.actorName, NAME_CHARS);
            if (!event.roles.isEmpty()) {
                json.writeArrayFieldStart("roles");
                for (String role : first(event.roles)) {
                    json.writeString(cut(role, NAME_CHARS));
                }
                json.writeEndArray();
            }
            json.writeEndObject();
        }
        if (!event.targets.isEmpty()) {
            json.writeArrayFieldStart("targets");
            for (AuditEvent.Target target : first(event.targets)) {
                pair(json, target.type(), target.id());
            }
            json.writeEndArray();
        }
        json.writeStringField("outcome", event.failed ? "failure" : "success");
        text(json, "error", event.error, TEXT_CHARS);
    }

    private static void writeSurroundings(AuditEvent event, JsonGenerator json) throws IOException {
        if (!event.measures.isEmpty()) {
            json.writeObjectFieldStart("measures");
            for (Map.Entry<String, Number> measure : event.measures.entrySet()) {
                measure(json, measure.getKey(), measure.getValue());
            }
            json.writeEndObject();
        }
        if (event.ip != null || event.userAgent != null || event.device != null) {
            json.writeObjectFieldStart("origin");
            text(json, "ip", event.ip, NAME_CHARS);
            text(json, "user_agent", event.userAgent, TEXT_CHARS);
            text(json, "device", event.device, TEXT_CHARS);
            json.writeEndObject();
        }
        text(json, "session_id", event.sessionId, NAME_CHARS);
        text(json, "tab", event.tab, NAME_CHARS);
        text(json, "trace_id", event.traceId, NAME_CHARS);
        boolean hasReference = event.references.stream().anyMatch(EventEncoder::isWhole);
        if (hasReference) {
            json.writeArrayFieldStart("references");
            for (AuditEvent.Reference reference : first(event.references.stream().filter(EventEncoder::isWhole).toList())) {
                pair(json, reference.type(), reference.id());
            }
            json.writeEndArray();
        }
        text(json, "class", event.retentionClass, NAME_CHARS);
    }

    /** The edge refuses a reference that lacks a part. */
    private static boolean isWhole(AuditEvent.Reference reference) {
        return reference.type() != null && !reference.type().isEmpty() && reference.id() != null && !reference.id().isEmpty();
    }

    private static <T> List<T> first(List<T> items) {
        return items.size() <= LIST_ITEMS ? items : items.subList(0, LIST_ITEMS);
    }

    private static void pair(JsonGenerator json, String type, String id) throws IOException {
        json.writeStartObject();
        text(json, "type", type, NAME_CHARS);
        text(json, "id", id, NAME_CHARS);
        json.writeEndObject();
    }

    /** What is no finite number is left out: the edge would refuse the event for it. */
    private static void measure(JsonGenerator json, String name, Number value) throws IOException {
        if (value == null || !Double.isFinite(value.doubleValue()) || Math.abs(value.doubleValue()) > 0x1p53) {
            return;
        }
        json.writeFieldName(cut(name, NAME_CHARS));
        if (value instanceof BigDecimal decimal) {
            json.writeNumber(decimal);
        } else if (value instanceof Double || value instanceof Float) {
            json.writeNumber(value.toString());
        } else if (value.doubleValue() == value.longValue()) {
            json.writeNumber(value.longValue());
        } else {
            json.writeNumber(value.doubleValue());
        }
    }

    private static void text(JsonGenerator json, String name, String value, int mostChars) throws IOException {
        if (value != null && !value.isEmpty()) {
            json.writeStringField(name, cut(value, mostChars));
        }
    }

    private static String cut(String text, int mostChars) {
        String whole = text.length() <= mostChars || text.codePointCount(0, text.length()) <= mostChars
                ? text
                : text.substring(0, text.offsetByCodePoints(0, mostChars));
        return StateWriter.wellFormed(whole);
    }

    private static String time(Instant at) {
        return TIME.format(at);
    }
}
