package dev.hindsight.client.delivery;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What waits in memory, and what wakes the courier: events from many threads, answers from the network's.
 *
 * <p>Bounded in bytes; what doesn't fit is refused, never waited for. The lock is held for a few lines only, and the
 * courier is woken only when there is something to do: a signal for each event would cost more than the event.
 */
final class MemoryQueue {

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final ArrayDeque<Item> items = new ArrayDeque<>();
    private final ArrayList<Runnable> messages = new ArrayList<>();
    private final BatchRule rule;
    private final long mostBytes;
    private long bytes;
    private boolean closed;

    MemoryQueue(BatchRule rule, long mostBytes) {
        this.rule = rule;
        this.mostBytes = mostBytes;
    }

    /** What came of an offer. */
    enum Offered {
        TAKEN,
        FULL,
        CLOSED
    }

    /** Adds an event; {@code beyond}: even above the bound (what was promised a place). */
    Offered offer(Item item, boolean beyond) {
        lock.lock();
        try {
            if (closed) {
                return Offered.CLOSED;
            }
            if (!beyond && bytes + item.line().length > mostBytes) {
                return Offered.FULL;
            }
            items.addLast(item);
            bytes += item.line().length;
            // At the first event the courier learns by when it is due; afterwards only that a batch is full.
            if (items.size() == 1 || items.size() == rule.events() || bytes >= rule.bytes()) {
                changed.signal();
            }
            return Offered.TAKEN;
        } finally {
            lock.unlock();
        }
    }

    /** Whether an event of this size would be taken now. */
    boolean hasRoom(int lineBytes) {
        lock.lock();
        try {
            return !closed && bytes + lineBytes <= mostBytes;
        } finally {
            lock.unlock();
        }
    }

    /** Puts back what could be neither sent nor kept on disk: in front, above the bound if need be. */
    void putBack(List<Item> returned) {
        lock.lock();
        try {
            for (int at = returned.size() - 1; at >= 0; at--) {
                items.addFirst(returned.get(at));
                bytes += returned.get(at).line().length;
            }
        } finally {
            lock.unlock();
        }
    }

    /** Has the courier do something on its own thread. */
    void tell(Runnable message) {
        lock.lock();
        try {
            messages.add(message);
            changed.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Refuses events from now on. */
    void close() {
        lock.lock();
        try {
            closed = true;
            changed.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Waits for a change, at most so long, and gives the messages that came. */
    List<Runnable> await(long waitMs) {
        lock.lock();
        try {
            if (messages.isEmpty() && waitMs > 0) {
                changed.await(waitMs, TimeUnit.MILLISECONDS);
            }
            List<Runnable> told = new ArrayList<>(messages);
            messages.clear();
            return told;
        } catch (InterruptedException ignored) {
            // Nobody but us has this thread; whoever interrupts it gets a turn of the loop and no end of it.
            return List.of();
        } finally {
            lock.unlock();
        }
    }

    /** When a batch will be due if nothing more comes; {@link Long#MAX_VALUE}: never. */
    long dueAt() {
        lock.lock();
        try {
            return items.isEmpty() ? Long.MAX_VALUE : rule.dueAt(items.size(), bytes, items.peekFirst().at());
        } finally {
            lock.unlock();
        }
    }

    boolean isDue(long now) {
        return dueAt() <= now;
    }

    /** Takes the oldest events, at most so many and so many bytes, at least one. */
    List<Item> take(int mostEvents, long mostBytesOfBatch) {
        lock.lock();
        try {
            List<Item> batch = new ArrayList<>(Math.min(mostEvents, items.size()));
            long size = 0;
            while (batch.size() < mostEvents && !items.isEmpty()) {
                int next = items.peekFirst().line().length;
                if (!batch.isEmpty() && size + next > mostBytesOfBatch) {
                    break;
                }
                batch.add(items.pollFirst());
                size += next;
            }
            bytes -= size;
            return batch;
        } finally {
            lock.unlock();
        }
    }

    int size() {
        lock.lock();
        try {
            return items.size();
        } finally {
            lock.unlock();
        }
    }

    long bytes() {
        lock.lock();
        try {
            return bytes;
        } finally {
            lock.unlock();
        }
    }
}
