/** The package: `import hindsight from '@hindsight/browser'; hindsight.start({ server, key })`. */
import type { Hindsight } from './api';
import { Recorder } from './recorder';

export type { ConsentState, Hindsight, PageInfo, StartOptions, User } from './api';

const hindsight: Hindsight = new Recorder({
  flate: async () => (await import('fflate')).gzipSync,
  overlay: async () => (await import('./overlay')).showOverlay,
});
export default hindsight;
