package dev.hindsight.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The cases that all clients share: {@code clients/vectors}. */
public final class Vectors {

    public static final ObjectMapper JSON = new ObjectMapper();

    private Vectors() {}

    public static JsonNode read(String name) {
        try {
            return JSON.readTree(folder().resolve(name).toFile());
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private static Path folder() {
        for (Path above = Path.of("").toAbsolutePath(); above != null; above = above.getParent()) {
            if (Files.isDirectory(above.resolve("clients/vectors"))) {
                return above.resolve("clients/vectors");
            }
        }
        throw new IllegalStateException("clients/vectors isn't above " + Path.of("").toAbsolutePath());
    }
}
