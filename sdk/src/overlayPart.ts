/** The overlay as a file of its own. */
import { showOverlay } from './overlay';
import type { PartHook } from './tag';

(window as unknown as { hindsightPart?: PartHook }).hindsightPart?.['overlay']?.(showOverlay as never);
