package dev.hindsight.client.spill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What lies on disk: whole or not at all, bounded, found again. */
class SpillTest {

    @TempDir
    Path folder;

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static List<String> all(SpillStore store) throws IOException {
        List<String> lines = new ArrayList<>();
        for (SpillStore.SpilledBatch batch; (batch = store.next()) != null; ) {
            store.read(batch).forEach(line -> lines.add(new String(line, StandardCharsets.UTF_8)));
        }
        return lines;
    }

    @Test
    void theBoundHoldsAndFreedRoomIsUsed() throws IOException {
        try (SpillStore store = SpillStore.open(folder, 10)) {
            assertTrue(store.keep(List.of(bytes("1234"), bytes("56"))));
            assertFalse(store.keep(List.of(bytes("78"))));
            store.remove(store.next());
            assertTrue(store.keep(List.of(bytes("78"))));
        }
    }

    @Test
    void aHalfWrittenBatchIsNone() throws IOException {
        try (SpillStore store = SpillStore.open(folder, 100)) {
            store.keep(List.of(bytes("1")));
        }
        Files.writeString(folder.resolve("java-0/0000000000009-x-00000000.jsonl.half"), "2\n");
        try (SpillStore store = SpillStore.open(folder, 100)) {
            assertEquals(List.of("1"), all(store));
        }
    }

    @Test
    void twoProcessesDontShareAPlaceAndTheNextTakesOverWhatBothLeft() throws IOException {
        try (SpillStore one = SpillStore.open(folder, 100);
                SpillStore two = SpillStore.open(folder, 100)) {
            one.keep(List.of(bytes("1")));
            two.keep(List.of(bytes("2")));
            assertEquals(List.of("2"), all(two));
        }
        try (SpillStore next = SpillStore.open(folder, 100)) {
            assertEquals(List.of("1", "2"), all(next).stream().sorted().toList());
        }
    }

    @Test
    void operationsWithoutAnEndAreFoundAgain() throws IOException {
        Path kept = folder.resolve("kept");
        try (SpillStore store = SpillStore.open(folder.resolve("first"), 1_000)) {
            StrictJournal journal = store.journal();
            StrictJournal.Entry ended = journal.begin("a", bytes("{\"a\":\"unknown\"}"));
            journal.begin("b", bytes("{\"b\":\"unknown\"}"));
            journal.complete(ended, "a", bytes("{\"a\":\"success\"}"));
            // As a crash leaves it, with a torn last line.
            Path copy = kept.resolve("java-0");
            Files.createDirectories(copy);
            for (Path file : journals(folder.resolve("first/java-0"))) {
                Files.copy(file, copy.resolve(file.getFileName()));
                Files.write(copy.resolve(file.getFileName()), bytes("A c {\"c\":1"), StandardOpenOption.APPEND);
            }
        }
        try (SpillStore store = SpillStore.open(kept, 1_000)) {
            assertEquals(List.of("{\"a\":\"success\"}", "{\"b\":\"unknown\"}"), all(store));
            assertEquals(List.of(), journals(kept.resolve("java-0")));
        }
    }

    @Test
    void theJournalGoesWhenItsOperationsAreKeptElsewhere() throws Exception {
        try (SpillStore store = SpillStore.open(folder, 1 << 20)) {
            StrictJournal journal = store.journal();
            ExecutorService threads = Executors.newFixedThreadPool(8);
            List<Future<?>> running = IntStream.range(0, 200)
                    .<Future<?>>mapToObj(number -> threads.submit(() -> {
                        StrictJournal.Entry entry = journal.begin("id" + number, bytes("{}"));
                        journal.complete(entry, "id" + number, bytes("{}"));
                        entry.done();
                        return null;
                    }))
                    .toList();
            for (Future<?> one : running) {
                one.get();
            }
            threads.shutdown();
            journal.close();
            assertEquals(List.of(), journals(folder.resolve("java-0")));
            assertEquals(0, store.pendingBytes());
        }
    }

    @Test
    void atItsBoundNothingBeginsButWhatBeganMayEnd() throws IOException {
        try (SpillStore store = SpillStore.open(folder, 30)) {
            StrictJournal journal = store.journal();
            StrictJournal.Entry entry = journal.begin("a", bytes("{\"long\":\"long long\"}"));
            assertThrows(IOException.class, () -> journal.begin("b", bytes("{\"long\":\"long\"}")));
            journal.complete(entry, "a", bytes("{\"long\":\"long long long\"}"));
        }
    }

    private static List<Path> journals(Path slot) throws IOException {
        try (Stream<Path> files = Files.list(slot)) {
            return files.filter(StrictJournal::isJournal).toList();
        }
    }
}
