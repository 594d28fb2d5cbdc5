/**
 * What is fetched only when it is wanted: fflate (for the last batch, and where the browser can't gzip) and the
 * overlay. The script tag fetches files beside itself; the package leaves it to the bundler.
 */
import type { showOverlay } from './overlay';

export interface Parts {
  flate: () => Promise<(bytes: Uint8Array) => Uint8Array>;
  overlay: () => Promise<typeof showOverlay>;
}
