package dev.hindsight.client.spill;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** Files that are there in full or not at all, also after a loss of power. */
final class DurableFiles {

    private static final String HALF = ".half";

    private DurableFiles() {}

    /** Writes lines under a name that didn't exist; when it returns, they outlive the machine's crash. */
    static void create(Path file, List<byte[]> lines) throws IOException {
        Path half = file.resolveSibling(file.getFileName() + HALF);
        try {
            // A stream, not a channel: an interrupt of the calling thread would close a channel for all.
            try (FileOutputStream out = new FileOutputStream(half.toFile())) {
                for (byte[] line : lines) {
                    out.write(line);
                    out.write('\n');
                }
                out.getFD().sync();
            }
            Files.move(half, file, StandardCopyOption.ATOMIC_MOVE);
            syncFolder(file.getParent());
        } catch (IOException failure) {
            Files.deleteIfExists(half);
            throw failure;
        }
    }

    static boolean isHalf(Path file) {
        return file.getFileName().toString().endsWith(HALF);
    }

    static void syncFolder(Path folder) throws IOException {
        // Not on Windows, where a folder can't be opened and its entries are journalled.
        if (File.separatorChar == '/') {
            try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }
}
