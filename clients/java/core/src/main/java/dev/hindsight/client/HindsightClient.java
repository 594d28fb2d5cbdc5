package dev.hindsight.client;

import dev.hindsight.client.delivery.BatchRule;
import dev.hindsight.client.delivery.Clock;
import dev.hindsight.client.delivery.Counters;
import dev.hindsight.client.delivery.Courier;
import dev.hindsight.client.delivery.HttpTransport;
import dev.hindsight.client.delivery.Item;
import dev.hindsight.client.delivery.Transport;
import dev.hindsight.client.spill.SpillStore;
import dev.hindsight.client.spill.StrictJournal;
import dev.hindsight.client.state.Masking;
import dev.hindsight.client.state.StateWriter;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Sends audit events to Hindsight: what happened is said on the caller's thread, sent by one thread of its
 * own, and kept on disk while the edge is away. {@code docs/auditing.md} tells the whole of it.
 *
 * <p>Nothing here throws into the business call, with one exception that is asked for: a strict operation is refused
 * ({@link OperationRefused}) before it runs when its event can't be kept. Thread-safe; one client a process; close it.
 */
public final class HindsightClient implements AutoCloseable {

    private static final Logger LOG = System.getLogger("dev.hindsight.client");
    /** What is sent of an operation that began and of which nothing more was heard. */
    private static final String UNKNOWN = "outcome unknown: the process ended during the operation";
    /** Longest that the sending thread may need to write the rest to disk at the end. */
    private static final Duration END_WAIT = Duration.ofSeconds(30);

    final EventEncoder encoder;
    private final HindsightOptions options;
    private final Counters counters = new Counters();
    private final EventIds ids = new EventIds();
    private final Clock clock = Clock.monotonic();
    private final SpillStore spill;
    private final StrictJournal journal;
    private final Courier courier;
    private final Thread thread;
    private final AtomicBoolean closed = new AtomicBoolean();

    private HindsightClient(HindsightOptions options, Transport transport) {
        this.options = options;
        Masking masking = new Masking(options.maskNames(), options.maskExcept(), options.maskPhones());
        encoder = new EventEncoder(new StateWriter(masking, options.stateDepth()), options.eventBytes());
        spill = openSpill(options);
        journal = spill == null ? null : spill.journal();
        BatchRule rule = new BatchRule(options.batchEvents(), options.batchBytes(), options.batchWait().toMillis());
        courier = new Courier(
                rule,
                options.memoryBytes(),
                options.inFlight(),
                transport,
                spill,
                clock,
                new SplittableRandom(new SecureRandom().nextLong()),
                counters);
        thread = new Thread(courier::run, "hindsight-client");
        thread.setDaemon(true);
        thread.start();
    }

    /** Starts a client. What can't work is told here; that the edge is away is no reason not to start. */
    public static HindsightClient start(HindsightOptions options) {
        return start(options, new HttpTransport(options.url(), options.key(), options.requestWait()));
    }

    /** As {@link #start(HindsightOptions)}, with another way to the edge. */
    static HindsightClient start(HindsightOptions options, Transport transport) {
        return new HindsightClient(options, transport);
    }

    private static SpillStore openSpill(HindsightOptions options) {
        if (options.spillFolder() == null) {
            return null;
        }
        try {
            return SpillStore.open(options.spillFolder(), options.spillBytes());
        } catch (IOException failure) {
            LOG.log(
                    Level.ERROR,
                    "the spill folder " + options.spillFolder() + " can't be used: while the edge is away, audit events wait in "
                            + "memory alone, and strict operations are refused",
                    failure);
            return null;
        }
    }

    /** Says that something happened. */
    public void record(AuditEvent event) {
        quietly(() -> complete(event, prepare(event), null));
    }

    /**
     * An operation is about to run; its states are read now.
     *
     * @throws OperationRefused if it is strict and its event can't be kept
     */
    public Operation begin(AuditEvent event) {
        boolean strict = event.strict == null ? options.strict() : event.strict;
        try {
            EventEncoder.States states = prepare(event);
            return new Operation(this, event, states, strict ? promise(event, states) : null);
        } catch (RuntimeException | StackOverflowError | LinkageError failure) {
            if (strict) {
                throw failure instanceof OperationRefused refused ? refused : new OperationRefused(failure.toString(), failure);
            }
            LOG.log(Level.ERROR, "an audit event can't be begun", failure);
            return new Operation(this, event, new EventEncoder.States(), null);
        }
    }

    /** Runs an operation and says what came of it; its result is the event's response. */
    public <T> T around(AuditEvent event, Callable<T> operation) throws Exception {
        Operation running = begin(event);
        try {
            T result = operation.call();
            running.response(result).succeed();
            return result;
        } catch (Throwable failure) {
            running.fail(failure);
            throw failure;
        }
    }

    private EventEncoder.States prepare(AuditEvent event) {
        event.seen(RequestContext.current());
        Instant now = Instant.now();
        if (event.occurredAt == null) {
            event.occurredAt = now;
        }
        if (event.id == null) {
            event.id = ids.next(now.toEpochMilli());
        }
        return encoder.capture(event);
    }

    /** Makes sure of a place before the operation runs: on disk, and in memory for its end. */
    private StrictJournal.Entry promise(AuditEvent event, EventEncoder.States states) {
        if (journal == null) {
            throw new OperationRefused("there is no spill folder", null);
        }
        if (!courier.hasRoom(options.eventBytes())) {
            throw new OperationRefused("memory is full, or the client is closed", null);
        }
        event.failed = true;
        event.error = UNKNOWN;
        byte[] unfinished = encoder.encode(event, states);
        event.failed = false;
        event.error = null;
        try {
            return journal.begin(event.id, unfinished);
        } catch (IOException failure) {
            throw new OperationRefused(failure.getMessage(), failure);
        }
    }

    void complete(AuditEvent event, EventEncoder.States states, StrictJournal.Entry entry) {
        byte[] line = line(event, states);
        if (entry != null) {
            try {
                journal.complete(entry, event.id, line);
            } catch (IOException failure) {
                // It has happened, so it isn't denied: memory has it, and the journal that it began.
                LOG.log(Level.ERROR, "the end of a strict operation can't be kept on disk", failure);
            }
        }
        courier.offer(new Item(line, clock.nowMs(), entry));
    }

    private byte[] line(AuditEvent event, EventEncoder.States states) {
        try {
            return encoder.encode(event, states);
        } catch (RuntimeException | StackOverflowError | LinkageError failure) {
            counters.recorded.increment();
            counters.lost.increment();
            throw failure;
        }
    }

    /** What goes wrong in here is ours and not the caller's. */
    void quietly(Runnable work) {
        try {
            work.run();
        } catch (RuntimeException | StackOverflowError | LinkageError failure) {
            LOG.log(Level.ERROR, "an audit event can't be made, or not in full", failure);
        }
    }

    /** Waits until what was recorded is at the edge or on disk; false where that took too long or neither takes it. */
    public boolean flush(Duration wait) {
        return await(courier.flush(), wait);
    }

    /** What became of the events so far. */
    public Stats stats() {
        return new Stats(
                counters.recorded.sum(),
                counters.kept.sum(),
                counters.refused.sum(),
                counters.lost.sum(),
                courier.waiting(),
                spill == null ? 0 : spill.pendingBytes(),
                courier.isAway());
    }

    /** Takes no more events, sends what it can within {@code closeWait}, keeps the rest on disk. */
    @Override
    public void close() {
        if (closed.getAndSet(true)) {
            return;
        }
        courier.refuse();
        await(courier.flush(), options.closeWait());
        await(courier.end(), END_WAIT);
        try {
            thread.join(END_WAIT.toMillis());
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        closeFiles();
    }

    private void closeFiles() {
        if (spill != null) {
            try {
                journal.close();
                spill.close();
            } catch (IOException failure) {
                LOG.log(Level.WARNING, "the spill folder can't be left in order", failure);
            }
        }
    }

    private static boolean await(CompletableFuture<Boolean> future, Duration wait) {
        try {
            return future.get(Math.max(1, wait.toMillis()), TimeUnit.MILLISECONDS);
        } catch (TimeoutException | ExecutionException late) {
            return false;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
