/**
 * Packs a batch: gzip by the browser off the main thread; by fflate where the browser can't, and for the last batch
 * of a page, which must be packed in the same turn. Until fflate has come, such a batch goes as it is.
 */
export interface Packed {
  body: Uint8Array<ArrayBuffer>;
  encoding: 'gzip' | 'identity';
}

const encoder = new TextEncoder();

export class Packer {
  private gzip: ((bytes: Uint8Array) => Uint8Array) | undefined;

  constructor(private readonly flate: () => Promise<(bytes: Uint8Array) => Uint8Array>) {}

  /** Fetches fflate: when the page has calmed down. */
  async prepare(): Promise<void> {
    try {
      this.gzip ??= await this.flate();
    } catch {
      // Without it the last batch is larger, that is all.
    }
  }

  /** Packed in the same turn: for a page that is being left. */
  packNow(text: string): Packed {
    const bytes = encoder.encode(text);
    return this.gzip
      ? { body: this.gzip(bytes) as Uint8Array<ArrayBuffer>, encoding: 'gzip' }
      : { body: bytes, encoding: 'identity' };
  }

  /** Packed without holding up the page. */
  async pack(text: string): Promise<Packed> {
    try {
      const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
      return { body: new Uint8Array(await new Response(stream).arrayBuffer()), encoding: 'gzip' };
    } catch {
      await this.prepare();
      return this.packNow(text);
    }
  }
}
