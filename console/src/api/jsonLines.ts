/**
 * JSON lines from a byte stream, as they arrive. A line is held until its line feed or the end of the stream;
 * a line that is not JSON throws with its number, so that a cut stream is never mistaken for a short recording.
 */
export async function* jsonLines<T>(
  body: ReadableStream<Uint8Array>,
  onBytes: (bytes: number) => void = () => undefined,
): AsyncGenerator<T> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  let line = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      onBytes(value.byteLength);
      let text = decoder.decode(value, { stream: true });
      let end = text.indexOf('\n');
      while (end >= 0) {
        // A keyframe line of megabytes comes in many chunks: joined once, not appended chunk by chunk.
        pieces.push(text.slice(0, end));
        const whole = pieces.join('');
        pieces = [];
        line += 1;
        if (whole.trim()) yield parse<T>(whole, line);
        text = text.slice(end + 1);
        end = text.indexOf('\n');
      }
      if (text) pieces.push(text);
    }
    pieces.push(decoder.decode());
    const rest = pieces.join('');
    if (rest.trim()) yield parse<T>(rest, line + 1);
  } finally {
    reader.releaseLock();
  }
}

function parse<T>(text: string, line: number): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Error(`line ${String(line)} of the stream is not JSON`);
  }
}
