/**
 * What a visit costs the page's main thread: CPU time of its tasks as the browser counts it (thread ticks, so that a
 * busy machine doesn't count), and the tasks in which a script under a given address ran, from a trace.
 */
import type { Browser, CDPSession, Page } from 'playwright-core';

export interface Cost {
  /** CPU time of all tasks of the page's main thread. */
  taskMs: number;
  scriptMs: number;
  /** How long the visit took. */
  visitMs: number;
}

async function metrics(client: CDPSession): Promise<Record<string, number>> {
  const { metrics: found } = await client.send('Performance.getMetrics');
  return Object.fromEntries(found.map(({ name, value }) => [name, value * 1_000]));
}

/** Measures from now until `visit` is over. */
export async function costOf(page: Page, visit: () => Promise<void>): Promise<Cost> {
  const client = await page.context().newCDPSession(page);
  await client.send('Performance.enable', { timeDomain: 'threadTicks' });
  const before = await metrics(client);
  const startedAt = performance.now();
  await visit();
  const visitMs = performance.now() - startedAt;
  const after = await metrics(client);
  await client.detach();
  const spent = (name: string): number => (after[name] ?? 0) - (before[name] ?? 0);
  return { taskMs: spent('TaskDuration'), scriptMs: spent('ScriptDuration'), visitMs };
}

interface TraceEvent {
  name: string;
  ph: string;
  ts: number;
  dur?: number;
  tdur?: number;
  pid: number;
  tid: number;
  args?: { data?: { url?: string } };
}

/** Where the browser enters a script. */
const CALLS = new Set(['FunctionCall', 'EvaluateScript']);

interface Span {
  from: number;
  to: number;
  ms: number;
}

const thread = ({ pid, tid }: TraceEvent): string => `${String(pid)} ${String(tid)}`;

/** Spans by thread, in order; what lies within another is left out: a call within a call is counted once. */
function outermost(events: TraceEvent[]): Map<string, Span[]> {
  const found = new Map<string, Span[]>();
  for (const event of events.sort((one, other) => one.ts - other.ts || (other.dur ?? 0) - (one.dur ?? 0))) {
    const spans = found.get(thread(event)) ?? [];
    found.set(thread(event), spans);
    const to = event.ts + (event.dur ?? 0);
    if (to <= (spans[spans.length - 1]?.to ?? -1)) continue;
    spans.push({ from: event.ts, to, ms: (event.tdur ?? event.dur ?? 0) / 1_000 });
  }
  return found;
}

/**
 * The longest task in which functions of ours ran, by the time that they took of it, in milliseconds; 0 where none
 * ran. What a page's own call spends inside a function that we replaced counts as the page's.
 */
export function longestOf(events: TraceEvent[], isOurs: (url: string) => boolean): number {
  const whole = events.filter(({ ph }) => ph === 'X');
  const tasks = outermost(whole.filter(({ name }) => name.endsWith('RunTask')));
  const calls = whole.filter(({ name, args }) => CALLS.has(name) && isOurs(args?.data?.url ?? ''));
  let longest = 0;
  for (const [name, spans] of outermost(calls)) {
    const all = tasks.get(name) ?? [];
    let at = 0;
    let spent = 0;
    for (const call of spans) {
      const before = at;
      while (at < all.length - 1 && (all[at]?.to ?? 0) < call.from) at++;
      spent = at === before ? spent + call.ms : call.ms;
      longest = Math.max(longest, spent);
    }
  }
  return longest;
}

/** The trace of a visit. */
export async function traced(
  browser: Browser,
  page: Page,
  visit: () => Promise<void>,
): Promise<TraceEvent[]> {
  const categories = ['devtools.timeline', 'toplevel', 'disabled-by-default-devtools.timeline', 'v8'];
  await browser.startTracing(page, { categories });
  await visit();
  const buffer = await browser.stopTracing();
  return (JSON.parse(buffer.toString('utf8')) as { traceEvents: TraceEvent[] }).traceEvents;
}
