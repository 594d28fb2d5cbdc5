package dev.hindsight.client.state;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.util.TokenBuffer;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;

/**
 * Any object as masked, bounded JSON.
 *
 * <p>Never throws: an object that can't be read (a getter that throws, a cycle, a lazy proxy without its session, more
 * than {@link BoundedGenerator#MOST_TOKENS} values) becomes a text that says so. Thread-safe. Not part of the API.
 */
public final class StateWriter {

    private static final JsonFactory PLAIN = new JsonFactory();
    private static final BigInteger EXACT = BigInteger.ONE.shiftLeft(53);
    private static final BigDecimal EXACT_DECIMAL = new BigDecimal(EXACT);
    /** Which names hold a name, where its value lies beside it in {@code value}. */
    private static final List<String> PAIR_NAMES = List.of("name", "key", "field", "param");

    private final Masking masking;
    private final int depth;
    private final ObjectMapper mapper = JsonMapper.builder()
            .addModule(new JavaTimeModule())
            .addModule(new Jdk8Module())
            .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS, SerializationFeature.FAIL_ON_EMPTY_BEANS)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .build();

    /** Masks by these rules, and ends what is nested deeper. */
    public StateWriter(Masking masking, int depth) {
        this.masking = masking;
        this.depth = depth;
    }

    /** The JSON of a state; null for null. */
    public byte[] write(Object state) {
        if (state == null) {
            return null;
        }
        try {
            return bytes(tree(state));
        } catch (IOException | RuntimeException | StackOverflowError | LinkageError unreadable) {
            return quoted("[unreadable: " + reason(unreadable) + "]");
        }
    }

    /** A text as JSON. */
    public static byte[] quoted(String text) {
        try (ByteArrayBuilder out = new ByteArrayBuilder();
                JsonGenerator json = PLAIN.createGenerator(out)) {
            json.writeString(wellFormed(text));
            json.flush();
            return out.toByteArray();
        } catch (IOException impossible) {
            throw new IllegalStateException("memory can be written", impossible);
        }
    }

    /** Half a surrogate pair is no character: UTF-8 can't say it, and the edge refuses it. */
    public static String wellFormed(String text) {
        for (int at = 0; at < text.length(); at++) {
            if (Character.isSurrogate(text.charAt(at))) {
                int[] points = text.codePoints().map(c -> c >= 0xd800 && c <= 0xdfff ? 0xfffd : c).toArray();
                return new String(points, 0, points.length);
            }
        }
        return text;
    }

    private JsonNode tree(Object state) throws IOException {
        if (state instanceof JsonNode node) {
            return node;
        }
        if (state instanceof CharSequence text) {
            return unpacked(text.toString());
        }
        try (TokenBuffer buffer = new TokenBuffer(mapper, false)) {
            mapper.writeValue(new BoundedGenerator(buffer), state);
            return mapper.readTree(buffer.asParser());
        }
    }

    /** JSON in a text as a tree, so that its fields are masked; a text that is none stays a text. */
    private JsonNode unpacked(String text) {
        String start = text.stripLeading();
        if (start.startsWith("{") || start.startsWith("[")) {
            try {
                return mapper.reader().with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).readTree(text);
            } catch (JsonProcessingException none) {
                return mapper.getNodeFactory().textNode(text);
            }
        }
        return mapper.getNodeFactory().textNode(text);
    }

    private byte[] bytes(JsonNode tree) throws IOException {
        try (ByteArrayBuilder out = new ByteArrayBuilder();
                JsonGenerator json = PLAIN.createGenerator(out)) {
            write(tree, json, 1);
            json.flush();
            return out.toByteArray();
        }
    }

    private void write(JsonNode value, JsonGenerator json, int level) throws IOException {
        switch (value.getNodeType()) {
            case OBJECT, ARRAY -> writeContainer(value, json, level);
            case STRING -> json.writeString(wellFormed(masking.cleanQuery(value.textValue())));
            case NUMBER -> writeNumber(value, json);
            case BOOLEAN -> json.writeBoolean(value.booleanValue());
            case BINARY, POJO -> json.writeString(wellFormed(value.asText()));
            default -> json.writeNull();
        }
    }

    private void writeContainer(JsonNode value, JsonGenerator json, int level) throws IOException {
        if (level > depth) {
            json.writeString("[nested too deeply]");
        } else if (value.isArray()) {
            json.writeStartArray();
            for (JsonNode item : value) {
                write(item, json, level + 1);
            }
            json.writeEndArray();
        } else {
            writeObject(value, json, level);
        }
    }

    private void writeObject(JsonNode object, JsonGenerator json, int level) throws IOException {
        boolean pairIsSensitive = PAIR_NAMES.stream()
                .map(object::get)
                .anyMatch(name -> name != null && name.isTextual() && masking.isSensitive(name.textValue()));
        json.writeStartObject();
        for (Map.Entry<String, JsonNode> member : object.properties()) {
            String name = member.getKey();
            json.writeFieldName(wellFormed(name));
            boolean sensitive = masking.isSensitive(name) || (pairIsSensitive && name.equals("value"));
            if (sensitive && holdsSomething(member.getValue())) {
                json.writeString(Masking.MASK);
            } else {
                write(member.getValue(), json, level + 1);
            }
        }
        json.writeEndObject();
    }

    /** Null, booleans and what is empty stay: they tell whether there was a value, and hold no secret. */
    private static boolean holdsSomething(JsonNode value) {
        return switch (value.getNodeType()) {
            case NULL, MISSING, BOOLEAN -> false;
            case STRING -> !value.textValue().isEmpty();
            case ARRAY, OBJECT -> !value.isEmpty();
            default -> true;
        };
    }

    /** A number that a double can't hold exactly goes as the text of its digits: the edge's canonical form has doubles. */
    private static void writeNumber(JsonNode number, JsonGenerator json) throws IOException {
        if (number.isInt()) {
            json.writeNumber(number.intValue());
        } else if (number.isIntegralNumber()) {
            BigInteger whole = number.bigIntegerValue();
            if (whole.abs().compareTo(EXACT) > 0) {
                json.writeString(whole.toString());
            } else {
                json.writeNumber(whole);
            }
        } else if ((number.isDouble() || number.isFloat()) && !Double.isFinite(number.doubleValue())) {
            json.writeString(number.asText());
        } else {
            BigDecimal decimal = number.decimalValue();
            if (decimal.abs().compareTo(EXACT_DECIMAL) > 0) {
                json.writeString(decimal.toPlainString().length() > 64 ? decimal.toString() : decimal.toPlainString());
            } else {
                json.writeNumber(decimal);
            }
        }
    }

    private static String reason(Throwable unreadable) {
        Throwable cause = unreadable;
        while (cause.getCause() != null && cause.getCause() != cause) {
            cause = cause.getCause();
        }
        return cause instanceof TooManyValues ? cause.getMessage() : cause.getClass().getSimpleName();
    }

    /** Says that an object has more values than are read. */
    static final class TooManyValues extends IOException {
        TooManyValues() {
            super("more than " + BoundedGenerator.MOST_TOKENS + " values");
        }
    }
}
