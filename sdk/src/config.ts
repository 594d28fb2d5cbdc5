/**
 * What `GET /v1/config` says, read field by field: what is missing or odd gets the careful default.
 */
import { parseLevel, type Level } from './capture/levels';

export interface Config {
  source: string;
  level: Level;
  /** Share of sessions that are recorded, 0 to 1. */
  sample: number;
  pages: string[];
  exceptPages: string[];
  maskInputs: boolean;
  maskSelector: string;
  unmaskSelector: string;
  blockSelector: string;
  ignoreSelector: string;
  /** Names of URL parameters whose values are kept; `*` = any run. */
  urlParameters: string[];
  /** Origins besides the page's own that get `traceparent` and `baggage`. */
  traceOrigins: string[];
  pointerEveryMs: number;
  scrollEveryMs: number;
  inputEveryMs: number;
  keyframeEveryMs: number;
  flushEveryMs: number;
  sessionIdleMs: number;
  sessionLongestMs: number;
  /** A visit that is shorter isn't sent. */
  minimumMs: number;
  /** Sends nothing until an error happens, then what led to it. */
  onlyErrors: boolean;
  recordBytes: number;
  inflatedBytes: number;
}

type Fields = Record<string, unknown>;

const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);
const texts = (value: unknown, otherwise: string[]): string[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'string') : otherwise;
const number = (value: unknown, otherwise: number): number =>
  typeof value === 'number' && value >= 0 ? value : otherwise;

/** Reads an answer; `undefined` where it is none of ours. */
export function readConfig(body: unknown): Config | undefined {
  const { recording, limits, source } = (body ?? {}) as Fields;
  if (typeof recording !== 'object' || recording === null) return undefined;
  const said = recording as Fields;
  const bounds = (limits ?? {}) as Fields;
  return {
    source: text(source, ''),
    level: parseLevel(said['level']) ?? 4,
    sample: number(said['sample'], 1),
    pages: texts(said['pages'], ['*']),
    exceptPages: texts(said['except_pages'], []),
    maskInputs: said['mask_inputs'] !== false,
    maskSelector: text(said['mask_selector'], '.hindsight-mask'),
    unmaskSelector: text(said['unmask_selector'], '.hindsight-unmask'),
    blockSelector: text(said['block_selector'], '.hindsight-block'),
    ignoreSelector: text(said['ignore_selector'], '.hindsight-ignore'),
    urlParameters: texts(said['url_parameters'], []),
    traceOrigins: texts(said['trace_origins'], []),
    pointerEveryMs: number(said['pointer_every_ms'], 50),
    scrollEveryMs: number(said['scroll_every_ms'], 150),
    inputEveryMs: number(said['input_every_ms'], 100),
    keyframeEveryMs: number(said['keyframe_every_ms'], 60_000),
    flushEveryMs: number(said['flush_every_ms'], 2_000),
    sessionIdleMs: number(said['session_idle_ms'], 30 * 60_000),
    sessionLongestMs: number(said['session_longest_ms'], 12 * 3_600_000),
    minimumMs: number(said['minimum_duration_ms'], 0),
    onlyErrors: said['only_errors'] === true,
    recordBytes: number(bounds['record_bytes'], 8 << 20),
    inflatedBytes: number(bounds['inflated_bytes'], 64 << 20),
  };
}
