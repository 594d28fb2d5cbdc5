package dev.hindsight.client;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A real server: the binary on a folder of its own and a free port, which it keeps over a restart.
 *
 * <p>The binary is {@code HINDSIGHT_BINARY}, else the debug build; {@code cargo build --locked -p hindsight} makes it.
 */
public final class RealEdge implements AutoCloseable {

    private static final Duration READY_WITHIN = Duration.ofSeconds(60);
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private final Path data;
    private Process process;
    private URI url;
    private JsonNode credentials;

    private RealEdge(Path data) {
        this.data = data;
    }

    public static RealEdge start(Path folder) throws Exception {
        RealEdge edge = new RealEdge(folder.resolve("data"));
        edge.start("127.0.0.1:0");
        return edge;
    }

    private void start(String listen) throws Exception {
        List<String> command = new ArrayList<>(List.of(binary().toString(), "up", "--listen", listen, "--data-dir", data.toString()));
        command.addAll(List.of("--libchdb", libchdb().toString()));
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.appendTo(log().toFile()));
        builder.environment().remove("HINDSIGHT_CONFIG");
        builder.environment().put("RUST_LOG", "info,tantivy=warn");
        process = builder.start();
        until("ready, see " + log(), this::isReady);
    }

    private boolean isReady() throws IOException, InterruptedException {
        if (!process.isAlive()) {
            throw new IllegalStateException("the server ended; see " + log() + ":\n" + Files.readString(log()));
        }
        Path file = data.resolve("credentials.json");
        if (!Files.exists(file)) {
            return false;
        }
        credentials = Vectors.JSON.readTree(file.toFile());
        url = URI.create(credentials.path("url").asText());
        HttpRequest ready = HttpRequest.newBuilder(url.resolve("/health/ready")).timeout(Duration.ofSeconds(2)).build();
        try {
            return HTTP.send(ready, BodyHandlers.discarding()).statusCode() == 200;
        } catch (IOException notYet) {
            return false;
        }
    }

    private Path log() {
        return data.resolveSibling("server.log");
    }

    /** kill -9. */
    public void kill() throws InterruptedException {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        process.waitFor(20, TimeUnit.SECONDS);
    }

    /** Starts again on the same port and data. */
    public void restart() throws Exception {
        start("127.0.0.1:" + url.getPort());
    }

    public URI url() {
        return url;
    }

    public String writeKey() {
        return credentials.path("write_key").asText();
    }

    /** The answer to a GET with the admin token. */
    public JsonNode get(String path) throws IOException, InterruptedException {
        return Vectors.JSON.readTree(send(request(path).build()));
    }

    /** The answer to a GET with the admin token, as it is. */
    public String text(String path) throws IOException, InterruptedException {
        return send(request(path).build());
    }

    /** Has a batch of rrweb events kept, as a recorder does. */
    public void record(String session, String tab, String events) throws IOException, InterruptedException {
        URI batch = url.resolve("/v1/recordings/" + session + "/" + tab + "/0");
        HttpRequest post = HttpRequest.newBuilder(batch)
                .header("Authorization", "Bearer " + writeKey())
                .POST(BodyPublishers.ofString(events))
                .build();
        var answer = HTTP.send(post, BodyHandlers.ofString());
        if (answer.statusCode() != 202) {
            throw new IOException(batch + ": " + answer.statusCode() + " " + answer.body());
        }
    }

    /** Audit events of a query, as soon as so many are found. */
    public JsonNode audit(String query, int expected) throws Exception {
        String path = "/v1/audit?limit=1000&q=" + URLEncoder.encode(query, StandardCharsets.UTF_8);
        JsonNode[] found = new JsonNode[1];
        until(expected + " events of " + query, () -> {
            found[0] = get(path);
            return found[0].path("total").asInt() >= expected;
        });
        return found[0];
    }

    /** A statement's first value. */
    public String sql(String statement) throws IOException, InterruptedException {
        return send(request("/v1/sql").POST(BodyPublishers.ofString(statement + " FORMAT TSV")).build()).strip();
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(url.resolve(path))
                .header("Authorization", "Bearer " + credentials.path("admin_token").asText());
    }

    private static String send(HttpRequest request) throws IOException, InterruptedException {
        var answer = HTTP.send(request, BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw new IOException(request.uri() + ": " + answer.statusCode() + " " + answer.body());
        }
        return answer.body();
    }

    /** Looks again and again; fails after a minute. */
    public static void until(String what, Condition condition) throws Exception {
        Instant end = Instant.now().plus(READY_WITHIN);
        while (!condition.holds()) {
            if (Instant.now().isAfter(end)) {
                throw new AssertionError("not within " + READY_WITHIN + ": " + what);
            }
            Thread.sleep(50);
        }
    }

    /** What is waited for. */
    @FunctionalInterface
    public interface Condition {
        boolean holds() throws Exception;
    }

    private static Path binary() {
        Path target = setting("CARGO_TARGET_DIR", Path.of(System.getProperty("user.home"), ".cache/hindsight/target"));
        return present(setting("HINDSIGHT_BINARY", target.resolve("debug/hindsight")), "cargo build --locked -p hindsight");
    }

    private static Path libchdb() {
        Path cache = setting("HINDSIGHT_CACHE", Path.of(System.getProperty("user.home"), ".cache/hindsight"));
        return present(setting("HINDSIGHT_LIBCHDB", cache.resolve("libchdb/package/libchdb.so")), "make libchdb");
    }

    private static Path setting(String name, Path otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : Path.of(value);
    }

    private static Path present(Path file, String remedy) {
        if (!Files.isRegularFile(file)) {
            throw new IllegalStateException(file + " is missing: run `" + remedy + "` first");
        }
        return file;
    }

    @Override
    public void close() throws Exception {
        if (process != null && process.isAlive()) {
            process.destroy();
            if (!process.waitFor(30, TimeUnit.SECONDS)) {
                kill();
            }
        }
    }
}
