package dev.hindsight.client.delivery;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What an answer of the edge means for a batch ({@code clients/vectors/answers.json}).
 *
 * <p>Only a 202 that accounts for each event counts as kept: a sign-in page or a proxy also answers 200. What a person can
 * mend (key, address) holds the batch and loses nothing.
 */
public sealed interface Answer {

    /** Most that is waited because the edge says so. */
    long MOST_AFTER_MS = 600_000;

    /** The edge holds the batch, save for those refused. */
    record Kept(List<Refused> refused) implements Answer {}

    /** Send the same again, not before {@code afterMs} (0: as backoff says). */
    record Later(long afterMs, String why) implements Answer {}

    /** As later, but somebody has to mend something first. */
    record Hold(String why) implements Answer {}

    /** Something in the batch is refused: send its halves, and set a single event aside. */
    record Split(int status, String reason, String detail) implements Answer {}

    /** An event that the edge won't have. */
    record Refused(int index, String reason, String detail) {}

    /** What the network gave; status 0: nothing. */
    record Response(int status, String retryAfter, byte[] body, String error) {

        /** No answer came. */
        public static Response none(String error) {
            return new Response(0, null, new byte[0], error);
        }
    }

    /** Decides. */
    static Answer of(Response response, int sent) {
        int status = response.status();
        JsonNode body = json(response.body());
        String reason = body.path("reason").asText("");
        String what = status == 0 ? response.error() : "status " + status + (reason.isEmpty() ? "" : " " + reason);
        if (status == 202) {
            return accepted(body, sent);
        } else if (status == 0 || status == 408 || status == 429 || status >= 500) {
            return new Later(afterMs(response, body), what);
        } else if (status == 400 || status == 413 || status == 422) {
            return new Split(status, reason, body.path("detail").asText(""));
        }
        return new Hold(what);
    }

    private static Answer accepted(JsonNode body, int sent) {
        List<Refused> refused = new ArrayList<>();
        for (JsonNode error : body.path("errors")) {
            int index = error.path("index").asInt(-1);
            if (index < 0 || index >= sent) {
                return new Hold("the answer names event " + index + " of " + sent);
            }
            refused.add(new Refused(index, error.path("reason").asText(""), error.path("detail").asText("")));
        }
        int accepted = body.path("accepted").asInt(-1);
        return accepted + refused.size() == sent
                ? new Kept(refused)
                : new Hold("status 202, but not by the edge: " + accepted + " of " + sent + " events accepted");
    }

    private static long afterMs(Response response, JsonNode body) {
        long ms = body.path("retry_after_ms").asLong(0);
        if (ms <= 0 && response.retryAfter() != null && response.retryAfter().strip().matches("[0-9]{1,9}")) {
            ms = 1_000 * Long.parseLong(response.retryAfter().strip());
        }
        return Math.min(Math.max(ms, 0), MOST_AFTER_MS);
    }

    private static JsonNode json(byte[] body) {
        try {
            JsonNode tree = Reader.MAPPER.readTree(body);
            return tree.isObject() ? tree : Reader.MAPPER.createObjectNode();
        } catch (IOException none) {
            return Reader.MAPPER.createObjectNode();
        }
    }

    /** Reads answers. */
    final class Reader {
        private static final ObjectMapper MAPPER = new ObjectMapper();

        private Reader() {}
    }
}
