package dev.hindsight.client.spill;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * The folder of one process below the spill folder, held by a lock that the system drops when the process ends.
 *
 * <p>Several processes may share a spill folder: each takes the first free of {@link #MOST_SLOTS} places, and takes over
 * what ended processes left in others.
 */
final class SpillSlot implements AutoCloseable {

    static final int MOST_SLOTS = 64;

    final Path folder;
    private final FileChannel channel;
    private final FileLock lock;

    private SpillSlot(Path folder, FileChannel channel, FileLock lock) {
        this.folder = folder;
        this.channel = channel;
        this.lock = lock;
    }

    /** Takes the first free place. */
    static SpillSlot take(Path spillFolder) throws IOException {
        Files.createDirectories(spillFolder);
        for (int number = 0; number < MOST_SLOTS; number++) {
            SpillSlot slot = tryTake(place(spillFolder, number));
            if (slot != null) {
                DurableFiles.syncFolder(spillFolder);
                return slot;
            }
        }
        throw new FileSystemException(spillFolder + ": all " + MOST_SLOTS + " places are taken by running processes");
    }

    /** Places that ended processes left behind, each held now. */
    static List<SpillSlot> takeLeftovers(Path spillFolder, SpillSlot own) throws IOException {
        List<SpillSlot> left = new ArrayList<>();
        for (int number = 0; number < MOST_SLOTS; number++) {
            Path place = place(spillFolder, number);
            if (Files.isDirectory(place) && !place.equals(own.folder)) {
                SpillSlot slot = tryTake(place);
                if (slot != null) {
                    left.add(slot);
                }
            }
        }
        return left;
    }

    private static Path place(Path spillFolder, int number) {
        return spillFolder.resolve("java-" + number);
    }

    private static SpillSlot tryTake(Path folder) throws IOException {
        Files.createDirectories(folder);
        FileChannel channel =
                FileChannel.open(folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            FileLock lock = channel.tryLock();
            if (lock != null) {
                return new SpillSlot(folder, channel, lock);
            }
        } catch (OverlappingFileLockException heldByThisProcess) {
            // Another client of this process.
        }
        channel.close();
        return null;
    }

    @Override
    public void close() throws IOException {
        lock.release();
        channel.close();
    }
}
