/**
 * The recorded picture: rrweb, started, stopped and asked for keyframes.
 *
 * An error of rrweb's never reaches the page; after too many the picture stops and says so. A document with more
 * nodes than `MOST_NODES` isn't recorded: one pass over it would hold up the page for seconds. Nor is what adds more
 * than `MOST_ADDED` at once: the picture stops before rrweb sees it.
 */
import { record } from '@rrweb/record';
import type { Config } from '../config';
import type { Scrubber } from '../privacy/scrub';
import { EDITABLE } from '../privacy/elements';

export const MOST_NODES = 250_000;
const MOST_ERRORS = 20;
/** Nodes added in one turn of the page, above which recording them would hold it up for a second or more. */
const MOST_ADDED = 50_000;

export interface RrwebEvent {
  type: number;
  timestamp: number;
  data?: unknown;
}

export const nodeOf = (id: number): Node | null => record.mirror.getNode(id);

export class Picture {
  private unrecord: (() => void) | undefined;
  private on = false;
  private errors = 0;
  private readonly dam = new MutationObserver((changes) => {
    if (isFlood(changes)) this.flooded();
  });

  constructor(
    private readonly config: Config,
    private readonly scrubber: Scrubber,
    private readonly emit: (event: RrwebEvent) => void,
    /** Told why there is no picture. */
    private readonly failed: (reason: string) => void,
    /** Told that the page changes too much at once: the picture is off, and may begin again later. */
    private readonly flooded: () => void,
  ) {}

  get isOn(): boolean {
    return this.on;
  }

  start(): void {
    if (this.on) return;
    if (document.getElementsByTagName('*').length > MOST_NODES) {
      this.failed('too_many_nodes');
      return;
    }
    try {
      this.on = true;
      // Observers are told in the order in which they began: this one before rrweb's.
      this.dam.observe(document, { childList: true, subtree: true });
      this.unrecord = record(this.options());
    } catch {
      this.on = false;
      this.failed('recorder_error');
    }
  }

  stop(): void {
    const unrecord = this.unrecord;
    this.dam.disconnect();
    this.on = false;
    this.unrecord = undefined;
    try {
      unrecord?.();
    } catch {
      // It is off; what it left behind does nothing.
    }
  }

  keyframe(): void {
    if (!this.on) return;
    try {
      record.takeFullSnapshot(true);
    } catch {
      // Before the document is ready: the first keyframe is still to come.
    }
  }

  private options(): NonNullable<Parameters<typeof record>[0]> {
    const { blockSelector, ignoreSelector, maskSelector, pointerEveryMs, scrollEveryMs } = this.config;
    return {
      emit: (event) => {
        if (this.on) this.emit(event as RrwebEvent);
      },
      recordAfter: 'DOMContentLoaded',
      blockSelector: `${blockSelector},[data-hindsight-block]`,
      ignoreSelector,
      maskTextSelector: `${maskSelector},${EDITABLE}`,
      maskInputOptions: { input: true, select: true, textarea: true } as Record<string, boolean>,
      maskInputFn: this.scrubber.maskInput,
      maskTextFn: this.scrubber.maskText,
      slimDOMOptions: SLIM,
      sampling: { mousemove: pointerEveryMs, scroll: scrollEveryMs, media: 500 },
      // Hovered styles are part of the picture; fonts and images are loaded by the player.
      collectFonts: false,
      inlineImages: false,
      errorHandler: () => {
        if (++this.errors === MOST_ERRORS) {
          this.stop();
          this.failed('recorder_error');
        }
        return true;
      },
    };
  }
}

function isFlood(changes: MutationRecord[]): boolean {
  let nodes = 0;
  for (const { addedNodes } of changes) {
    for (const node of Array.from(addedNodes)) {
      nodes += 1 + ((node as Partial<Element>).getElementsByTagName?.('*').length ?? 0);
      if (nodes > MOST_ADDED) return true;
    }
  }
  return false;
}

const SLIM = {
  script: true,
  comment: true,
  headFavicon: true,
  headWhitespace: true,
  headMetaDescKeywords: true,
  headMetaSocial: true,
  headMetaRobots: true,
  headMetaHttpEquiv: true,
  headMetaAuthorship: true,
  headMetaVerification: true,
};
