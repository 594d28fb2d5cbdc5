package dev.hindsight.client.spill;

import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongConsumer;

/**
 * A file of the journal, removed when nobody needs it any more. Appended to by one thread at a time.
 *
 * <p>A write that fails is cut off again: an operation that was refused must not turn up as begun.
 */
final class JournalFile {

    private final Path path;
    private final FileOutputStream out;
    private final LongConsumer freed;
    /** Whoever writes to it, and each line in it. */
    private long users = 1;
    private volatile long bytes;

    private JournalFile(Path path, FileOutputStream out, LongConsumer freed) {
        this.path = path;
        this.out = out;
        this.freed = freed;
    }

    /** {@code freed} hears how many bytes went with the file. */
    static JournalFile create(Path path, LongConsumer freed) throws IOException {
        FileOutputStream out = new FileOutputStream(path.toFile());
        try {
            DurableFiles.syncFolder(path.getParent());
            return new JournalFile(path, out, freed);
        } catch (IOException failure) {
            out.close();
            throw failure;
        }
    }

    /** Adds lines; when it returns, they outlive the machine's crash. */
    void append(byte[] lines) throws IOException {
        try {
            out.write(lines);
            out.getFD().sync();
            bytes += lines.length;
        } catch (IOException failure) {
            try {
                out.getChannel().truncate(bytes);
                out.getFD().sync();
            } catch (IOException alsoFailed) {
                failure.addSuppressed(alsoFailed);
            }
            throw failure;
        }
    }

    long bytes() {
        return bytes;
    }

    synchronized void hold(int lines) {
        users += lines;
    }

    synchronized void release(int lines) {
        users -= lines;
        if (users > 0) {
            return;
        }
        freed.accept(bytes);
        try {
            out.close();
            Files.deleteIfExists(path);
        } catch (IOException left) {
            // It is read again at the next start: what is in it is sent once more, which the events' ids absorb.
        }
    }
}
