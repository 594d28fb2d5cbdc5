package dev.hindsight.client.state;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.SerializableString;
import com.fasterxml.jackson.core.util.JsonGeneratorDelegate;
import java.io.IOException;

/**
 * Stops the reading of an object graph that has no end in sight: an entity whose relations lead through the whole
 * database must cost the caller a bounded time.
 *
 * <p>Counted are names, starts of objects and of arrays: whatever is large has many of one of them or is one value.
 */
final class BoundedGenerator extends JsonGeneratorDelegate {

    /** Most names, objects and arrays of one state. */
    static final int MOST_TOKENS = 20_000;

    private int tokens;

    BoundedGenerator(JsonGenerator target) {
        super(target, false);
    }

    private void count() throws IOException {
        if (++tokens > MOST_TOKENS) {
            throw new StateWriter.TooManyValues();
        }
    }

    @Override
    public void writeStartObject() throws IOException {
        count();
        super.writeStartObject();
    }

    @Override
    public void writeStartObject(Object forValue) throws IOException {
        count();
        super.writeStartObject(forValue);
    }

    @Override
    public void writeStartObject(Object forValue, int size) throws IOException {
        count();
        super.writeStartObject(forValue, size);
    }

    @Override
    public void writeStartArray() throws IOException {
        count();
        super.writeStartArray();
    }

    @Override
    public void writeStartArray(Object forValue) throws IOException {
        count();
        super.writeStartArray(forValue);
    }

    @Override
    public void writeStartArray(Object forValue, int size) throws IOException {
        count();
        super.writeStartArray(forValue, size);
    }

    @Override
    public void writeFieldName(String name) throws IOException {
        count();
        super.writeFieldName(name);
    }

    @Override
    public void writeFieldName(SerializableString name) throws IOException {
        count();
        super.writeFieldName(name);
    }
}
