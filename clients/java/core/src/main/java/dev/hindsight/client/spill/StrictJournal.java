package dev.hindsight.client.spill;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Strict operations before they run and when they ended: each line is on disk before the business code goes on, so an
 * operation leaves a trace whatever happens in its middle.
 *
 * <p>A line is {@code A|C <id> <event>}: begun (with the event to send if nothing more is heard of it: outcome unknown)
 * and completed. After a crash {@link #recover} gives the completed events, and the begun ones without an end. A file goes
 * when each operation in it is kept elsewhere. Threads share a sync: whoever comes while one is under way goes with the
 * next. A torn last line is of an operation that was never allowed to run.
 */
public final class StrictJournal implements AutoCloseable {

    private static final String NAME = "strict-";
    /** A file isn't continued beyond this, so that what is done can be removed. */
    private static final long FILE_BYTES = 4L << 20;

    private final Path folder;
    private final long mostBytes;
    private final AtomicLong spillBytes;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition synced = lock.newCondition();
    private Group open = new Group();
    private boolean busy;
    private JournalFile file;
    private long files;

    StrictJournal(Path folder, long mostBytes, AtomicLong spillBytes) {
        this.folder = folder;
        this.mostBytes = mostBytes;
        this.spillBytes = spillBytes;
    }

    /** Lines that share a sync. */
    private static final class Group {
        private final ByteArrayOutputStream lines = new ByteArrayOutputStream();
        private int count;
        private JournalFile file;
        /** Until it is written: whatever ends the writing early is a failure. */
        private IOException failure = new IOException("the writing ended early");
        private boolean ended;
    }

    /** One operation's place: the files that must stay until its event is kept elsewhere. */
    public static final class Entry {
        private final List<JournalFile> files = new ArrayList<>(2);
        private boolean done;

        private synchronized void in(JournalFile file) {
            if (done) {
                file.release(1);
            } else {
                files.add(file);
            }
        }

        /** The operation's event is kept elsewhere. */
        public synchronized void done() {
            done = true;
            files.forEach(file -> file.release(1));
            files.clear();
        }
    }

    /** Keeps that an operation begins; it may run when this returns. */
    public Entry begin(String id, byte[] eventIfUnfinished) throws IOException {
        if (spillBytes.get() + eventIfUnfinished.length > mostBytes) {
            throw new IOException("the spill folder is at its bound of " + mostBytes + " bytes");
        }
        Entry entry = new Entry();
        entry.in(append('A', id, eventIfUnfinished));
        return entry;
    }

    /** Keeps how it ended, even above the bound: what has begun has a right to its end. */
    public void complete(Entry entry, String id, byte[] event) throws IOException {
        entry.in(append('C', id, event));
    }

    private JournalFile append(char kind, String id, byte[] event) throws IOException {
        lock.lock();
        try {
            Group mine = open;
            mine.lines.writeBytes((kind + " " + id + " ").getBytes(StandardCharsets.UTF_8));
            mine.lines.writeBytes(event);
            mine.lines.write('\n');
            mine.count++;
            while (!mine.ended) {
                if (busy) {
                    synced.awaitUninterruptibly();
                } else {
                    lead();
                }
            }
            if (mine.failure != null) {
                throw new IOException("the journal can't be written: " + mine.failure.getMessage(), mine.failure);
            }
            return mine.file;
        } finally {
            lock.unlock();
        }
    }

    /** Writes for all that wait; called and left with the lock, which is free meanwhile. */
    private void lead() {
        Group group = open;
        open = new Group();
        busy = true;
        byte[] lines = group.lines.toByteArray();
        try {
            JournalFile target = writable();
            group.file = target;
            target.hold(group.count);
            lock.unlock();
            try {
                target.append(lines);
                spillBytes.addAndGet(lines.length);
                group.failure = null;
            } finally {
                lock.lock();
            }
        } catch (IOException failure) {
            group.failure = failure;
            abandon(group);
        } finally {
            busy = false;
            group.ended = true;
            synced.signalAll();
        }
    }

    private JournalFile writable() throws IOException {
        if (file == null || file.bytes() > FILE_BYTES) {
            String name = "%s%013d-%04d.journal".formatted(NAME, System.currentTimeMillis(), files++);
            JournalFile next = JournalFile.create(folder.resolve(name), bytes -> spillBytes.addAndGet(-bytes));
            if (file != null) {
                file.release(1);
            }
            file = next;
        }
        return file;
    }

    /** After a failed write nothing is known of the file's end: the next operation gets a new one. */
    private void abandon(Group group) {
        if (group.file != null) {
            group.file.release(group.count);
            if (file == group.file) {
                file.release(1);
                file = null;
            }
        }
    }

    static boolean isJournal(Path file) {
        return file.getFileName().toString().startsWith(NAME);
    }

    /** The events of operations whose process ended: as completed, else as begun. */
    static List<byte[]> recover(List<Path> journals) throws IOException {
        Map<String, byte[]> completed = new LinkedHashMap<>();
        Map<String, byte[]> begun = new LinkedHashMap<>();
        for (Path journal : journals) {
            byte[] all = Files.readAllBytes(journal);
            for (int start = 0, end; (end = indexOf(all, '\n', start)) >= 0; start = end + 1) {
                int afterId = indexOf(all, ' ', start + 2);
                boolean whole = afterId > 0 && afterId + 1 < end && all[afterId + 1] == '{' && all[end - 1] == '}';
                if (whole && (all[start] == 'A' || all[start] == 'C')) {
                    String id = new String(all, start + 2, afterId - start - 2, StandardCharsets.UTF_8);
                    (all[start] == 'C' ? completed : begun).put(id, Arrays.copyOfRange(all, afterId + 1, end));
                }
            }
        }
        begun.keySet().removeAll(completed.keySet());
        List<byte[]> events = new ArrayList<>(completed.values());
        events.addAll(begun.values());
        return events;
    }

    private static int indexOf(byte[] all, char letter, int from) {
        for (int at = from; at < all.length; at++) {
            if (all[at] == letter) {
                return at;
            }
        }
        return -1;
    }

    @Override
    public void close() {
        lock.lock();
        try {
            if (file != null) {
                file.release(1);
                file = null;
            }
        } finally {
            lock.unlock();
        }
    }
}
