/** fflate as a file of its own. */
import { gzipSync } from 'fflate';
import type { PartHook } from './tag';

(window as unknown as { hindsightPart?: PartHook }).hindsightPart?.['flate']?.(gzipSync as never);
