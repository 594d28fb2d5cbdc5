package dev.hindsight.spring;

import dev.hindsight.client.HindsightOptions;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.core.Ordered;
import org.springframework.util.unit.DataSize;

/**
 * Settings under {@code hindsight.}; what each means, and its default, is told at {@link HindsightOptions}.
 *
 * @param enabled false: nothing is set up and {@link OperationLog} does nothing, as in tests. Default true
 * @param url where the edge is
 * @param key the server key
 * @param strict whether operations are refused when their event can't be kept
 * @param aspectOrder the aspect's place; the default lies outside of transactions, so a commit that fails is a failure
 * @param batchEvents see {@link HindsightOptions}
 * @param batchWait see {@link HindsightOptions}
 * @param memory see {@link HindsightOptions}
 * @param spillFolder see {@link HindsightOptions}; empty: nowhere
 * @param spill see {@link HindsightOptions}
 * @param closeWait see {@link HindsightOptions}
 * @param maskNames see {@link HindsightOptions}
 * @param maskExcept see {@link HindsightOptions}
 * @param maskPhones see {@link HindsightOptions}
 */
@ConfigurationProperties("hindsight")
public record HindsightProperties(
        @DefaultValue("true") boolean enabled,
        URI url,
        String key,
        boolean strict,
        @DefaultValue("" + (Ordered.LOWEST_PRECEDENCE - 100)) int aspectOrder,
        @DefaultValue("100") int batchEvents,
        @DefaultValue("5s") Duration batchWait,
        @DefaultValue("32MB") DataSize memory,
        @DefaultValue("hindsight-spill") String spillFolder,
        @DefaultValue("256MB") DataSize spill,
        @DefaultValue("10s") Duration closeWait,
        @DefaultValue Set<String> maskNames,
        @DefaultValue Set<String> maskExcept,
        boolean maskPhones) {

    HindsightOptions options() {
        if (url == null || key == null) {
            throw new IllegalStateException("hindsight.url and hindsight.key are needed (or hindsight.enabled=false)");
        }
        return HindsightOptions.builder(url, key)
                .strict(strict)
                .batchEvents(batchEvents)
                .batchWait(batchWait)
                .memoryBytes(memory.toBytes())
                .spillFolder(spillFolder.isEmpty() ? null : Path.of(spillFolder))
                .spillBytes(spill.toBytes())
                .closeWait(closeWait)
                .maskNames(maskNames)
                .maskExcept(maskExcept)
                .maskPhones(maskPhones)
                .build();
    }
}
