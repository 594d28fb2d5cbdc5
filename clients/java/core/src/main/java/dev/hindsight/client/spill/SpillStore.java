package dev.hindsight.client.spill;

import dev.hindsight.client.state.StateWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * Batches on disk while the edge is away: a file a batch, written whole, synced, then given its name; never changed;
 * removed when the edge holds its events. A crash at any moment leaves whole files, at worst one that is sent twice,
 * which the events' ids absorb.
 *
 * <p>Bounded in bytes, journal of strict operations included; a batch that doesn't fit is refused. Used by the courier's
 * thread alone, save for {@link #pendingBytes}.
 */
public final class SpillStore implements AutoCloseable {

    private static final String BATCH = ".jsonl";
    private static final String REFUSED = "refused.jsonl";
    /** Most bytes kept of events that the edge refused: for people to look at. */
    private static final long MOST_REFUSED_BYTES = 16L << 20;

    /**
     * A batch on disk.
     *
     * @param path its file
     * @param bytes its size
     */
    public record SpilledBatch(Path path, long bytes) {}

    private final SpillSlot slot;
    private final long mostBytes;
    private final AtomicLong bytes;
    private final Deque<SpilledBatch> batches = new ArrayDeque<>();
    private final String run = Long.toString(System.nanoTime() & 0xffffffL, 36);
    private long written;

    private SpillStore(SpillSlot slot, long mostBytes, AtomicLong bytes) {
        this.slot = slot;
        this.mostBytes = mostBytes;
        this.bytes = bytes;
    }

    /** Takes a place in the folder, and over what was left in it. */
    public static SpillStore open(Path folder, long mostBytes) throws IOException {
        SpillSlot slot = SpillSlot.take(folder.toAbsolutePath());
        try {
            SpillStore store = new SpillStore(slot, mostBytes, new AtomicLong());
            store.takeOver(slot.folder);
            for (SpillSlot left : SpillSlot.takeLeftovers(folder.toAbsolutePath(), slot)) {
                try (left) {
                    store.takeOver(left.folder);
                }
            }
            return store;
        } catch (IOException | RuntimeException failure) {
            slot.close();
            throw failure;
        }
    }

    /** The journal of strict operations, in the same place and under the same bound. */
    public StrictJournal journal() {
        return new StrictJournal(slot.folder, mostBytes, bytes);
    }

    private void takeOver(Path folder) throws IOException {
        List<Path> files;
        try (Stream<Path> listed = Files.list(folder)) {
            files = listed.sorted().toList();
        } catch (UncheckedIOException failure) {
            throw failure.getCause();
        }
        for (Path file : files) {
            String name = file.getFileName().toString();
            if (DurableFiles.isHalf(file)) {
                Files.delete(file);
            } else if (name.endsWith(BATCH) && !name.equals(REFUSED)) {
                add(folder.equals(slot.folder) ? file : Files.move(file, slot.folder.resolve(name)));
            }
        }
        List<Path> journals = files.stream().filter(StrictJournal::isJournal).toList();
        List<byte[]> unfinished = StrictJournal.recover(journals);
        if (!unfinished.isEmpty()) {
            add(create(unfinished));
        }
        for (Path journal : journals) {
            Files.delete(journal);
        }
    }

    private void add(Path file) throws IOException {
        SpilledBatch batch = new SpilledBatch(file, Files.size(file));
        batches.addLast(batch);
        bytes.addAndGet(batch.bytes());
    }

    /** Keeps a batch; false where it would pass the bound. */
    public boolean keep(List<byte[]> lines) throws IOException {
        long size = lines.stream().mapToLong(line -> line.length + 1).sum();
        if (bytes.get() + size > mostBytes) {
            return false;
        }
        add(create(lines));
        return true;
    }

    private Path create(List<byte[]> lines) throws IOException {
        String name = "%013d-%s-%08d%s".formatted(System.currentTimeMillis(), run, written++, BATCH);
        Path file = slot.folder.resolve(name);
        DurableFiles.create(file, lines);
        return file;
    }

    /** Takes the oldest batch, or null. It stays on disk until {@link #remove}. */
    public SpilledBatch next() {
        return batches.pollFirst();
    }

    /** Puts a batch back in front. */
    public void again(SpilledBatch batch) {
        batches.addFirst(batch);
    }

    /** The events of a batch; none where somebody removed its file. */
    public List<byte[]> read(SpilledBatch batch) throws IOException {
        List<byte[]> lines = new ArrayList<>();
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        try {
            for (byte letter : Files.readAllBytes(batch.path())) {
                if (letter != '\n') {
                    line.write(letter);
                } else if (line.size() > 0) {
                    lines.add(line.toByteArray());
                    line.reset();
                }
            }
        } catch (NoSuchFileException gone) {
            return List.of();
        }
        return lines;
    }

    /** Forgets a batch that the edge holds. */
    public void remove(SpilledBatch batch) throws IOException {
        bytes.addAndGet(-batch.bytes());
        Files.deleteIfExists(batch.path());
    }

    /** Keeps an event that the edge refused, with the reason, for people; false where there is no more room. */
    public boolean setAside(byte[] event, String why) throws IOException {
        Path file = slot.folder.resolve(REFUSED);
        if (Files.exists(file) && Files.size(file) + event.length > MOST_REFUSED_BYTES) {
            return false;
        }
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        line.writeBytes("{\"refused\":".getBytes(StandardCharsets.UTF_8));
        line.writeBytes(StateWriter.quoted(why));
        line.writeBytes(",\"event\":".getBytes(StandardCharsets.UTF_8));
        line.writeBytes(event);
        line.writeBytes("}\n".getBytes(StandardCharsets.UTF_8));
        Files.write(file, line.toByteArray(), StandardOpenOption.CREATE, StandardOpenOption.APPEND, StandardOpenOption.SYNC);
        return true;
    }

    /** Whether batches wait. */
    public boolean isEmpty() {
        return batches.isEmpty();
    }

    /** Bytes on disk that the edge doesn't hold yet. */
    public long pendingBytes() {
        return bytes.get();
    }

    @Override
    public void close() throws IOException {
        slot.close();
    }
}
