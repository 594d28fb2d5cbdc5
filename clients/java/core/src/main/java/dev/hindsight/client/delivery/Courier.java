package dev.hindsight.client.delivery;

import dev.hindsight.client.spill.SpillStore;
import dev.hindsight.client.spill.SpillStore.SpilledBatch;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.random.RandomGenerator;

/**
 * Takes events from memory to the edge, and by way of the disk while the edge is away. One thread decides and writes
 * files; the network answers by messages to it, so a slow edge never stops the emptying of memory.
 *
 * <p>Healthy: due batches go out, at most {@code inFlight} at once; what lies on disk goes along. When memory is half full
 * because all are on their way, batches go to disk. A failed batch goes to disk and the edge counts as away: everything
 * goes to disk, one batch is tried after the backoff, and its success ends the absence. Where the disk takes nothing,
 * batches stay in memory, whose bound then loses the newest, counted.
 */
public final class Courier {

    private static final Logger LOG = System.getLogger("dev.hindsight.client");
    /** How long the disk isn't tried after it took nothing. */
    private static final long DISK_PAUSE_MS = 5_000;
    /** Most events that the edge takes in one call. */
    public static final int MOST_BATCH_EVENTS = 1_000;

    private static final long STUCK_PAUSE_MS = 100;
    private static final long IDLE_MS = 60_000;

    private final MemoryQueue queue;
    private final BatchRule rule;
    private final long memoryBytes;
    private final int inFlight;
    private final Transport transport;
    private final SpillStore spill;
    private final Clock clock;
    private final Backoff backoff;
    private final Counters counters;
    private final Set<Batch> onTheirWay = new HashSet<>();
    /** Halves of batches that were split. */
    private final Deque<Batch> ready = new ArrayDeque<>();
    private final List<CompletableFuture<Boolean>> flushes = new ArrayList<>();
    private long retryAt;
    private long diskAt;
    private volatile boolean away;
    private boolean ended;

    /** Events that go out together; {@code file}: where they lie on disk, or null. */
    private record Batch(List<Item> items, SpilledBatch file) {
        @Override
        public boolean equals(Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }

        byte[] lines() {
            ByteArrayOutputStream lines = new ByteArrayOutputStream();
            for (Item item : items) {
                lines.writeBytes(item.line());
                lines.write('\n');
            }
            return lines.toByteArray();
        }
    }

    /** {@code spill} may be null: then memory is all there is. */
    public Courier(
            BatchRule rule,
            long memoryBytes,
            int inFlight,
            Transport transport,
            SpillStore spill,
            Clock clock,
            RandomGenerator random,
            Counters counters) {
        this.queue = new MemoryQueue(rule, memoryBytes);
        this.rule = rule;
        this.memoryBytes = memoryBytes;
        this.inFlight = inFlight;
        this.transport = transport;
        this.spill = spill;
        this.clock = clock;
        this.backoff = new Backoff(random);
        this.counters = counters;
    }

    /** Takes an event; never waits. One that has a place in the journal passes the bound, and isn't lost after the end. */
    public void offer(Item item) {
        counters.recorded.increment();
        boolean promised = item.entry() != null;
        if (queue.offer(item, promised) != MemoryQueue.Offered.TAKEN && !promised) {
            counters.lost.increment();
        }
    }

    /** Whether memory would take an event of this size now. */
    public boolean hasRoom(int bytes) {
        return queue.hasRoom(bytes);
    }

    /** Events in memory. */
    public int waiting() {
        return queue.size();
    }

    /** Whether the edge took nothing at the last try. */
    public boolean isAway() {
        return away;
    }

    /** Sends everything, due or not; done when all of it is at the edge or, while that is away, on disk (else false). */
    public CompletableFuture<Boolean> flush() {
        CompletableFuture<Boolean> flushed = new CompletableFuture<>();
        queue.tell(() -> flushes.add(flushed));
        return flushed;
    }

    /** Runs until {@link #close} and its wait are over. */
    public void run() {
        while (!ended) {
            try {
                turn(queue.await(wakeAt() - clock.nowMs()));
            } catch (RuntimeException | StackOverflowError | LinkageError ours) {
                // A fault in one turn must not end the sending of all that comes after.
                LOG.log(Level.ERROR, "the sending of audit events failed and goes on", ours);
            }
        }
    }

    /** A turn without waiting: for tests, which have a clock of their own. */
    void turnNow() {
        turn(queue.await(0));
    }

    private void turn(List<Runnable> messages) {
        messages.forEach(Runnable::run);
        if (ended) {
            return;
        }
        sendDue();
        sendSpilled();
        endFlushes();
    }

    /** What is due and couldn't go (no place on the way, a full disk) is looked at again after a pause. */
    private long wakeAt() {
        long now = clock.nowMs();
        long dueAt = queue.dueAt();
        long next = dueAt <= now ? now + STUCK_PAUSE_MS : Math.min(dueAt, now + IDLE_MS);
        return away && onTheirWay.isEmpty() ? Math.min(next, retryAt) : next;
    }

    private void sendDue() {
        long now = clock.nowMs();
        while (!ready.isEmpty() && maySend(now)) {
            send(ready.pollFirst());
        }
        boolean all = !flushes.isEmpty();
        while ((all && queue.size() > 0) || queue.isDue(now)) {
            boolean keepsAPlaceForDisk = spill != null && !spill.isEmpty() && onTheirWay.size() >= Math.max(1, inFlight - 1);
            if (maySend(now) && !keepsAPlaceForDisk && (!away || spill == null || spill.isEmpty())) {
                send(new Batch(queue.take(rule.events(), rule.bytes()), null));
            } else if (!away && queue.bytes() < memoryBytes / 2) {
                return;
            } else if (!spillFromMemory(now)) {
                return;
            }
        }
    }

    /** While the edge is away one batch is tried at a time, after the backoff. */
    private boolean maySend(long now) {
        return away ? onTheirWay.isEmpty() && now >= retryAt : onTheirWay.size() < inFlight;
    }

    private void sendSpilled() {
        long now = clock.nowMs();
        while (spill != null && !spill.isEmpty() && maySend(now)) {
            SpilledBatch file = spill.next();
            try {
                List<Item> items = spill.read(file).stream().map(line -> new Item(line, 0, null)).toList();
                if (items.isEmpty()) {
                    spill.remove(file);
                } else {
                    send(new Batch(items, file));
                }
            } catch (IOException unreadable) {
                // Left where it is: read again at the next start.
                LOG.log(Level.ERROR, "audit events on disk can't be read and stay there: " + file.path(), unreadable);
            }
        }
    }

    private void send(Batch batch) {
        onTheirWay.add(batch);
        transport.send(batch.lines())
                .thenApply(response -> Answer.of(response, batch.items().size()))
                .exceptionally(failure -> new Answer.Later(0, failure.toString()))
                .thenAccept(answer -> queue.tell(() -> answered(batch, answer)));
    }

    private void answered(Batch batch, Answer answer) {
        // A batch that isn't on its way any more was kept on disk when the client was closed.
        if (!onTheirWay.remove(batch)) {
            return;
        }
        if (answer instanceof Answer.Kept kept) {
            back();
            kept(batch, kept.refused());
        } else if (answer instanceof Answer.Split split) {
            back();
            split(batch, split);
        } else {
            failed(batch, answer);
        }
    }

    private void back() {
        if (away) {
            LOG.log(Level.INFO, "the edge takes audit events again");
        }
        away = false;
        backoff.succeeded();
    }

    private void kept(Batch batch, List<Answer.Refused> refused) {
        counters.kept.add(batch.items().size() - refused.size());
        for (Answer.Refused one : refused) {
            setAside(batch.items().get(one.index()), one.reason() + " " + one.detail());
        }
        forget(batch);
    }

    private void setAside(Item item, String why) {
        counters.refused.increment();
        LOG.log(Level.ERROR, "the edge refuses an audit event: " + why);
        try {
            if (spill != null && !spill.setAside(item.line(), why)) {
                LOG.log(Level.ERROR, "refused.jsonl is full: the event is gone");
            }
        } catch (IOException failure) {
            LOG.log(Level.ERROR, "a refused audit event can't be written to disk", failure);
        }
    }

    private void forget(Batch batch) {
        batch.items().forEach(Item::keptElsewhere);
        removeFile(batch);
    }

    private void removeFile(Batch batch) {
        if (batch.file() != null) {
            try {
                spill.remove(batch.file());
            } catch (IOException failure) {
                LOG.log(Level.WARNING, "a sent batch can't be removed and will be sent again, which does no harm", failure);
            }
        }
    }

    /** Halves a batch until what the edge won't have stands alone. */
    private void split(Batch batch, Answer.Split why) {
        List<Item> items = batch.items();
        if (items.size() == 1) {
            setAside(items.get(0), why.status() + " " + why.reason() + " " + why.detail());
            forget(batch);
            return;
        }
        List<Item> first = items.subList(0, items.size() / 2);
        List<Item> second = items.subList(items.size() / 2, items.size());
        if (batch.file() == null) {
            ready.add(new Batch(first, null));
            ready.add(new Batch(second, null));
        } else if (keep(first, true) && keep(second, true)) {
            removeFile(batch);
        } else {
            ready.add(new Batch(first, null));
            ready.add(new Batch(second, batch.file()));
        }
    }

    private void failed(Batch batch, Answer answer) {
        String why = answer instanceof Answer.Later later ? later.why() : ((Answer.Hold) answer).why();
        if (!away || answer instanceof Answer.Hold) {
            LOG.log(answer instanceof Answer.Hold ? Level.ERROR : Level.WARNING, "the edge takes no audit events: " + why);
        }
        away = true;
        retryAt = clock.nowMs() + backoff.failedMs(answer);
        if (batch.file() != null) {
            spill.again(batch.file());
        } else if (keep(batch.items(), false)) {
            batch.items().forEach(Item::keptElsewhere);
        } else {
            queue.putBack(batch.items());
        }
    }

    /** False where the disk takes nothing now. */
    private boolean spillFromMemory(long now) {
        if (spill == null || now < diskAt) {
            return false;
        }
        List<Item> items = queue.take(Math.min(10 * rule.events(), MOST_BATCH_EVENTS), rule.bytes());
        if (!keep(items, false)) {
            queue.putBack(items);
            diskAt = now + DISK_PAUSE_MS;
            return false;
        }
        items.forEach(Item::keptElsewhere);
        return true;
    }

    private boolean keep(List<Item> items, boolean quiet) {
        if (spill == null) {
            return false;
        }
        try {
            boolean fits = spill.keep(items.stream().map(Item::line).toList());
            if (!fits && !quiet) {
                LOG.log(Level.ERROR, "the spill folder is at its bound: audit events stay in memory, and are lost when that is full");
            }
            return fits;
        } catch (IOException failure) {
            LOG.log(Level.ERROR, "audit events can't be kept on disk", failure);
            return false;
        }
    }

    private void endFlushes() {
        if (flushes.isEmpty() || !onTheirWay.isEmpty()) {
            return;
        }
        boolean memoryIsEmpty = queue.size() == 0 && ready.isEmpty();
        boolean diskIsEmpty = spill == null || spill.isEmpty();
        if (away || (memoryIsEmpty && diskIsEmpty)) {
            flushes.forEach(flush -> flush.complete(memoryIsEmpty));
            flushes.clear();
        }
    }

    /** Refuses further events. */
    public void refuse() {
        queue.close();
    }

    /** Keeps on disk whatever isn't at the edge yet, and ends {@link #run}. */
    public CompletableFuture<Boolean> end() {
        CompletableFuture<Boolean> end = new CompletableFuture<>();
        queue.tell(() -> {
            end.complete(keepTheRest());
            ended = true;
        });
        return end;
    }

    private boolean keepTheRest() {
        List<List<Item>> rest = new ArrayList<>();
        onTheirWay.stream().filter(batch -> batch.file() == null).forEach(batch -> rest.add(batch.items()));
        ready.forEach(batch -> rest.add(batch.items()));
        onTheirWay.clear();
        while (queue.size() > 0) {
            rest.add(queue.take(rule.events(), rule.bytes()));
        }
        long lost = 0;
        for (List<Item> items : rest) {
            if (keep(items, true)) {
                items.forEach(Item::keptElsewhere);
            } else {
                lost += items.stream().filter(item -> item.entry() == null).count();
            }
        }
        counters.lost.add(lost);
        if (lost > 0) {
            LOG.log(Level.ERROR, lost + " audit events could neither be sent nor kept on disk and are lost");
        }
        return lost == 0;
    }
}
