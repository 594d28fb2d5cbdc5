package dev.hindsight.client.delivery;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;

/**
 * Batches by the JDK's own HTTP client, as gzip; bad events are named by the edge and don't refuse the others.
 *
 * <p>Redirects aren't followed: a key must not go to an address that nobody set.
 */
public final class HttpTransport implements Transport {

    private static final Duration CONNECT_WAIT = Duration.ofSeconds(5);

    private final HttpClient client;
    private final HttpRequest.Builder template;
    private final Duration wait;

    /** Sends to this edge with this key; an answer may take this long. */
    public HttpTransport(URI url, String key, Duration wait) {
        this.wait = wait;
        String base = url.toString().replaceAll("/+$", "");
        client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(CONNECT_WAIT)
                .followRedirects(HttpClient.Redirect.NEVER)
                .build();
        template = HttpRequest.newBuilder(URI.create(base + "/v1/audit?on_error=skip"))
                .timeout(wait)
                .header("Authorization", "Bearer " + key)
                .header("Content-Type", "application/jsonl")
                .header("Content-Encoding", "gzip");
    }

    @Override
    public CompletableFuture<Answer.Response> send(byte[] lines) {
        try {
            HttpRequest request = template.copy().POST(BodyPublishers.ofByteArray(packed(lines))).build();
            // The client's own timeout ends with the headers; this one also bounds the body.
            return client.sendAsync(request, BodyHandlers.ofByteArray())
                    .orTimeout(2 * wait.toMillis(), TimeUnit.MILLISECONDS)
                    .handle((answer, failure) -> failure == null ? read(answer) : none(failure));
        } catch (IOException | RuntimeException failure) {
            return CompletableFuture.completedFuture(none(failure));
        }
    }

    private static Answer.Response read(HttpResponse<byte[]> answer) {
        String retryAfter = answer.headers().firstValue("retry-after").orElse(null);
        return new Answer.Response(answer.statusCode(), retryAfter, answer.body(), null);
    }

    private static Answer.Response none(Throwable failure) {
        Throwable cause = failure;
        while (cause.getCause() != null && cause.getCause() != cause) {
            cause = cause.getCause();
        }
        return Answer.Response.none(cause.getClass().getSimpleName() + (cause.getMessage() == null ? "" : ": " + cause.getMessage()));
    }

    private static byte[] packed(byte[] plain) throws IOException {
        ByteArrayOutputStream packed = new ByteArrayOutputStream(plain.length / 4 + 64);
        try (GZIPOutputStream gzip = new FastGzip(packed)) {
            gzip.write(plain);
        }
        return packed.toByteArray();
    }

    /** gzip at its fastest: audit events repeat their names, so more effort gains little. */
    private static final class FastGzip extends GZIPOutputStream {
        FastGzip(ByteArrayOutputStream out) throws IOException {
            super(out, 8_192);
            def.setLevel(Deflater.BEST_SPEED);
        }
    }
}
