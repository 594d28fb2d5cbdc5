package dev.hindsight.client;

import dev.hindsight.client.delivery.Courier;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;

/**
 * Settings of a client. Every bound has a name and a default; all of them are told in {@code docs/auditing.md}.
 *
 * <p>Immutable; {@link #to} makes one with defaults, {@link #builder} one with changes.
 *
 * @param url where the edge is, without a path: {@code https://audit.example.com}
 * @param key the server key
 * @param batchEvents a batch is sent when it has this many events. Default 100, at most 1,000
 * @param batchBytes a batch is sent when it has this many bytes. Default 1 MiB
 * @param batchWait a batch is sent when its oldest event waited so long. Default 5 s
 * @param memoryBytes most bytes of events that wait in memory; what doesn't fit is dropped and counted. Default 32 MiB
 * @param eventBytes largest event; above it the largest states are left out, and the event says so. Default 256 KiB
 * @param stateDepth deepest nesting of a state. Default 32
 * @param inFlight most batches on their way at once. Default 4
 * @param requestWait how long an answer may take. Default 30 s
 * @param spillFolder where events are kept while the edge is away; null: nowhere. Default {@code hindsight-spill}
 * @param spillBytes most bytes kept there. Default 256 MiB
 * @param closeWait how long {@link HindsightClient#close} tries to send before it keeps the rest on disk. Default 10 s
 * @param strict whether an operation is refused when its event can't be kept. Default false
 * @param maskNames further field names whose values are masked. Default none
 * @param maskExcept field names that are never masked, in full. Default none
 * @param maskPhones whether telephone numbers are masked, too. Default false
 */
public record HindsightOptions(
        URI url,
        String key,
        int batchEvents,
        int batchBytes,
        Duration batchWait,
        long memoryBytes,
        int eventBytes,
        int stateDepth,
        int inFlight,
        Duration requestWait,
        Path spillFolder,
        long spillBytes,
        Duration closeWait,
        boolean strict,
        Set<String> maskNames,
        Set<String> maskExcept,
        boolean maskPhones) {

    /** Most events that the edge takes in one call. */
    public static final int MOST_BATCH_EVENTS = Courier.MOST_BATCH_EVENTS;

    /** Most bytes of a batch: well below the edge's limit on a body. */
    public static final int MOST_BATCH_BYTES = 4 << 20;

    /** Checks what can't work, so that it is found at the start and not when the first event is lost. */
    public HindsightOptions {
        Objects.requireNonNull(url, "url");
        Objects.requireNonNull(key, "key");
        if (url.getScheme() == null || !url.getScheme().matches("https?") || url.getHost() == null) {
            throw new IllegalArgumentException("url " + url + " is not an http or https address");
        }
        if (key.isBlank() || !key.chars().allMatch(c -> c > 0x20 && c < 0x7f)) {
            throw new IllegalArgumentException("key is empty or has characters that no key has");
        }
        within("batchEvents", batchEvents, 1, MOST_BATCH_EVENTS);
        within("batchBytes", batchBytes, 1_024, MOST_BATCH_BYTES);
        within("eventBytes", eventBytes, 1_000, 512 << 10);
        within("memoryBytes", memoryBytes, eventBytes, Long.MAX_VALUE);
        within("stateDepth", stateDepth, 1, 60);
        within("inFlight", inFlight, 1, 64);
        within("spillBytes", spillBytes, eventBytes, Long.MAX_VALUE);
        within("batchWait (ms)", batchWait.toMillis(), 1, 3_600_000);
        within("requestWait (ms)", requestWait.toMillis(), 1, 3_600_000);
        within("closeWait (ms)", closeWait.toMillis(), 0, 3_600_000);
        maskNames = Set.copyOf(maskNames);
        maskExcept = Set.copyOf(maskExcept);
    }

    private static void within(String name, long value, long least, long most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(name + " is " + value + " but must lie within " + least + " and " + most);
        }
    }

    /** Defaults for an edge and a key. */
    public static HindsightOptions to(URI url, String key) {
        return builder(url, key).build();
    }

    /** Defaults, to be changed. */
    public static Builder builder(URI url, String key) {
        return new Builder(url, key);
    }

    /** Changes defaults one by one; what each means is told at the record's components. */
    public static final class Builder {
        private final URI url;
        private final String key;
        private int batchEvents = 100;
        private int batchBytes = 1 << 20;
        private Duration batchWait = Duration.ofSeconds(5);
        private long memoryBytes = 32L << 20;
        private int eventBytes = 256 << 10;
        private int stateDepth = 32;
        private int inFlight = 4;
        private Duration requestWait = Duration.ofSeconds(30);
        private Path spillFolder = Path.of("hindsight-spill");
        private long spillBytes = 256L << 20;
        private Duration closeWait = Duration.ofSeconds(10);
        private boolean strict;
        private Set<String> maskNames = Set.of();
        private Set<String> maskExcept = Set.of();
        private boolean maskPhones;

        private Builder(URI url, String key) {
            this.url = url;
            this.key = key;
        }

        public Builder batchEvents(int events) {
            batchEvents = events;
            return this;
        }

        public Builder batchBytes(int bytes) {
            batchBytes = bytes;
            return this;
        }

        public Builder batchWait(Duration wait) {
            batchWait = wait;
            return this;
        }

        public Builder memoryBytes(long bytes) {
            memoryBytes = bytes;
            return this;
        }

        public Builder eventBytes(int bytes) {
            eventBytes = bytes;
            return this;
        }

        public Builder stateDepth(int depth) {
            stateDepth = depth;
            return this;
        }

        public Builder inFlight(int batches) {
            inFlight = batches;
            return this;
        }

        public Builder requestWait(Duration wait) {
            requestWait = wait;
            return this;
        }

        public Builder spillFolder(Path folder) {
            spillFolder = folder;
            return this;
        }

        public Builder spillBytes(long bytes) {
            spillBytes = bytes;
            return this;
        }

        public Builder closeWait(Duration wait) {
            closeWait = wait;
            return this;
        }

        public Builder strict(boolean refuses) {
            strict = refuses;
            return this;
        }

        public Builder maskNames(Set<String> names) {
            maskNames = names;
            return this;
        }

        public Builder maskExcept(Set<String> names) {
            maskExcept = names;
            return this;
        }

        public Builder maskPhones(boolean masks) {
            maskPhones = masks;
            return this;
        }

        public HindsightOptions build() {
            return new HindsightOptions(
                    url, key, batchEvents, batchBytes, batchWait, memoryBytes, eventBytes, stateDepth, inFlight, requestWait,
                    spillFolder, spillBytes, closeWait, strict, maskNames, maskExcept, maskPhones);
        }
    }
}
