/**
 * What `GET /v1/config` says, read field by field: what is missing or odd gets the careful default.
 */
import { parseLevel, type Level } from './capture/levels';

/** What every recorder needs, one without a picture too. */
export interface EventConfig {
  source: string;
  level: Level;
  /** Share of sessions that are recorded, 0 to 1. */
  sample: number;
  pages: string[];
  exceptPages: string[];
  /** Names of URL parameters whose values are kept; `*` = any run. */
  urlParameters: string[];
  /** Origins besides the page's own that get `traceparent` and `baggage`. */
  traceOrigins: string[];
  flushEveryMs: number;
  sessionIdleMs: number;
  sessionLongestMs: number;
  /** A visit that is shorter isn't sent. */
  minimumMs: number;
  /** Sends nothing until an error happens, then what led to it. */
  onlyErrors: boolean;
}

export interface Config extends EventConfig {
  maskInputs: boolean;
  maskSelector: string;
  unmaskSelector: string;
  blockSelector: string;
  ignoreSelector: string;
  pointerEveryMs: number;
  scrollEveryMs: number;
  inputEveryMs: number;
  keyframeEveryMs: number;
  recordBytes: number;
  inflatedBytes: number;
}

type Fields = Record<string, unknown>;

const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);
const texts = (value: unknown, otherwise: string[]): string[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'string') : otherwise;
const number = (value: unknown, otherwise: number): number =>
  typeof value === 'number' && value >= 0 ? value : otherwise;

const fields = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null ? (value as Fields) : undefined;

/** Reads an answer; `undefined` where it is none of ours. */
export function readEventConfig(body: unknown): EventConfig | undefined {
  const { recording, source } = fields(body) ?? {};
  const said = fields(recording);
  return (
    said && {
      source: text(source, ''),
      level: parseLevel(said['level']) ?? 4,
      sample: number(said['sample'], 1),
      pages: texts(said['pages'], ['*']),
      exceptPages: texts(said['except_pages'], []),
      urlParameters: texts(said['url_parameters'], []),
      traceOrigins: texts(said['trace_origins'], []),
      flushEveryMs: number(said['flush_every_ms'], 2_000),
      sessionIdleMs: number(said['session_idle_ms'], 30 * 60_000),
      sessionLongestMs: number(said['session_longest_ms'], 12 * 3_600_000),
      minimumMs: number(said['minimum_duration_ms'], 0),
      onlyErrors: said['only_errors'] === true,
    }
  );
}

/** Reads an answer for a recorder with a picture. */
export function readConfig(body: unknown): Config | undefined {
  const events = readEventConfig(body);
  const { recording, limits } = fields(body) ?? {};
  const [said, bounds] = [fields(recording) ?? {}, fields(limits) ?? {}];
  return (
    events && {
      ...events,
      maskInputs: said['mask_inputs'] !== false,
      maskSelector: text(said['mask_selector'], '.hindsight-mask'),
      unmaskSelector: text(said['unmask_selector'], '.hindsight-unmask'),
      blockSelector: text(said['block_selector'], '.hindsight-block'),
      ignoreSelector: text(said['ignore_selector'], '.hindsight-ignore'),
      pointerEveryMs: number(said['pointer_every_ms'], 50),
      scrollEveryMs: number(said['scroll_every_ms'], 150),
      inputEveryMs: number(said['input_every_ms'], 100),
      keyframeEveryMs: number(said['keyframe_every_ms'], 60_000),
      recordBytes: number(bounds['record_bytes'], 8 << 20),
      inflatedBytes: number(bounds['inflated_bytes'], 64 << 20),
    }
  );
}
