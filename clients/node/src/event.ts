import { randomFillSync } from 'node:crypto';
import type { RequestContext } from './context.ts';
import type { StateWriter } from './state.ts';

/**
 * What the application says of one operation, and the line that is sent of it: one JSON object in the contract's names,
 * within the edge's limits. What the edge would refuse is cut here instead: an event that says less is worth more than
 * one that is refused.
 */
export interface AuditEvent {
  /** The application's own name for it: `order.refund`, 下单. */
  action: string;
  /** A UUIDv7, or an own id up to 128 characters. Default: made here. */
  id?: string;
  /** When it happened: a `Date` or RFC 3339. Default now. */
  occurredAt?: Date | string;
  /** create, read, update, delete, login, export, approve, other. Default: guessed from the action by the edge. */
  operation?: string;
  actor?: { type?: string; id?: string; name?: string; roles?: readonly string[] };
  targets?: readonly { type: string; id: string | number }[];
  references?: readonly { type: string; id: string | number }[];
  outcome?: 'success' | 'failure';
  error?: string;
  request?: unknown;
  response?: unknown;
  before?: unknown;
  after?: unknown;
  measures?: Readonly<Record<string, number>>;
  origin?: { ip?: string; userAgent?: string; device?: string };
  sessionId?: string;
  tab?: string;
  traceId?: string;
  /** The retention class. Default: the project's for audit events. */
  retentionClass?: string;
  extra?: Readonly<Record<string, unknown>>;
  /** Whether the operation is refused when its event can't be kept. Default: the client's setting. */
  strict?: boolean;
}

const NAME_CHARS = 256;
const SOURCE_ID_CHARS = 128;
const TEXT_CHARS = 16_384;
const LIST_ITEMS = 1_000;
const STATES = ['request', 'response', 'before', 'after', 'extra'] as const;
/** A state that is shorter isn't worth leaving out. */
const LEAST_LEFT_OUT = 64;

/** The JSON of an event's states, taken at a moment. */
export type States = Partial<Record<(typeof STATES)[number], string>>;

/** A UUIDv7 (RFC 9562): made here and not by the edge, so that an event that is sent twice is one event. */
export function eventId(unixMs = Date.now()): string {
  if (used === block.length) {
    randomFillSync(block);
    used = 0;
  }
  const id = Buffer.alloc(16);
  id.writeUIntBE(unixMs, 0, 6);
  block.copy(id, 6, used, (used += 10));
  id[6] = (id.readUInt8(6) & 0x0f) | 0x70;
  id[8] = (id.readUInt8(8) & 0x3f) | 0x80;
  const hex = id.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Random bits, taken in blocks: a call to the system's generator costs more than all the rest of an id. */
const block = Buffer.alloc(10 * 256);
let used = block.length;

/** Reads the states that an event has now. */
export function capture(event: AuditEvent, writer: StateWriter, into: States = {}): States {
  for (const name of STATES) {
    if (event[name] !== undefined) {
      const json = writer.write(event[name]);
      if (json !== undefined) into[name] = json;
    }
  }
  return into;
}

/** The line of an event, without its line feed. */
export function encode(
  event: AuditEvent,
  states: States,
  context: RequestContext,
  mostBytes: number,
): string {
  const left = { ...states };
  const known = facts(event, context);
  let line = assemble(known, left);
  while (Buffer.byteLength(line) > mostBytes && leaveOutLargest(left)) line = assemble(known, left);
  return line;
}

function assemble(known: object, states: States): string {
  const parts = STATES.filter((name) => states[name] !== undefined).map(
    (name) => `,"${name}":${states[name] ?? ''}`,
  );
  return `${JSON.stringify(known).slice(0, -1)}${parts.join('')}}`;
}

/** False where nothing is left to leave out. */
function leaveOutLargest(states: States): boolean {
  const sizes = STATES.map((name) => [name, Buffer.byteLength(states[name] ?? '')] as const);
  const [name, bytes] = sizes.reduce((largest, one) => (one[1] > largest[1] ? one : largest));
  if (bytes <= LEAST_LEFT_OUT) return false;
  states[name] =
    name === 'extra' ? `{"left_out_bytes":${String(bytes)}}` : `"[left out: ${String(bytes)} bytes]"`;
  return true;
}

function facts(event: AuditEvent, context: RequestContext): object {
  const { actor, origin } = event;
  // A visit said by the application is whole: no tab of another.
  const visit = event.sessionId === undefined ? context : event;
  const failed = event.outcome === 'failure' || event.error !== undefined;
  return {
    id: cut(event.id, SOURCE_ID_CHARS),
    occurred_at: time(event.occurredAt),
    action: cut(event.action, NAME_CHARS),
    operation: cut(event.operation, NAME_CHARS),
    actor: actor && {
      type: cut(actor.type, NAME_CHARS),
      id: cut(actor.id, NAME_CHARS),
      name: cut(actor.name, NAME_CHARS),
      roles: actor.roles?.slice(0, LIST_ITEMS).map((role) => cut(role, NAME_CHARS)),
    },
    targets: pairs(event.targets),
    outcome: failed ? 'failure' : 'success',
    error: cut(event.error, TEXT_CHARS),
    measures: event.measures && finite(event.measures),
    origin: surroundings({ ip: context.ip, userAgent: context.userAgent, ...origin }),
    session_id: cut(visit.sessionId, NAME_CHARS),
    tab: cut(event.tab ?? visit.tab, NAME_CHARS),
    trace_id: cut(event.traceId ?? context.traceId, NAME_CHARS),
    // The edge refuses a reference that lacks a part.
    references: pairs(event.references?.filter(({ type, id }) => type !== '' && String(id) !== '')),
    class: cut(event.retentionClass, NAME_CHARS),
  };
}

function surroundings(origin: {
  ip?: string | undefined;
  userAgent?: string | undefined;
  device?: string | undefined;
}): object | undefined {
  const { ip, userAgent, device } = origin;
  if (ip === undefined && userAgent === undefined && device === undefined) return undefined;
  return { ip: cut(ip, NAME_CHARS), user_agent: cut(userAgent, TEXT_CHARS), device: cut(device, TEXT_CHARS) };
}

function pairs(items: readonly { type: string; id: string | number }[] | undefined): object[] | undefined {
  if (items === undefined || items.length === 0) return undefined;
  return items
    .slice(0, LIST_ITEMS)
    .map(({ type, id }) => ({ type: cut(type, NAME_CHARS), id: cut(String(id), NAME_CHARS) }));
}

/** What is no finite number is left out: the edge would refuse the event for it. */
function finite(measures: Readonly<Record<string, number>>): object {
  return Object.fromEntries(
    Object.entries(measures).filter(([, value]) => Number.isFinite(value) && Math.abs(value) <= 2 ** 53),
  );
}

function cut(text: string | undefined, mostChars: number): string | undefined {
  if (text === undefined || text === '') return undefined;
  const whole = String(text);
  if (whole.length <= mostChars) return whole.toWellFormed();
  const points = Array.from(whole.slice(0, 2 * mostChars));
  return points.slice(0, mostChars).join('').toWellFormed();
}

/** Six digits, as the edge gives them. */
function time(at: Date | string | undefined): string {
  if (typeof at === 'string') {
    const utc = /^(.*T\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(at);
    return utc?.[1] === undefined ? at : `${utc[1]}.${(utc[2] ?? '').slice(0, 6).padEnd(6, '0')}Z`;
  }
  return (at ?? new Date()).toISOString().replace('Z', '000Z');
}
