/**
 * A development tool: serves the built console and enough of the contract, from memory, to work on the pages and run
 * the end-to-end tests without the real server. It decides nothing that the real one doesn't: same shapes, same
 * policy headers. Not for production, and no part of the binary.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';
import type { AuditEvent } from '../../src/api/types';
import { auditEvents } from './auditEvents';
import { Door } from './door';
import { recordings } from './recordings';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const CSP =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; frame-src 'self' blob:";

export function fixtureServer(dist: string, corpus: string, token: string): Server {
  const recorded = recordings(corpus);
  const audit = auditEvents(recorded);
  const door = new Door();

  function answer(response: ServerResponse, status: number, body: unknown, type = 'application/json'): void {
    response.writeHead(status, { 'content-type': type });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }
  function problem(response: ServerResponse, status: number, reason: string, more: object = {}): void {
    answer(
      response,
      status,
      { title: reason, status, detail: `fixture: ${reason}`, reason, ...more },
      'application/problem+json',
    );
  }

  function file(path: string, response: ServerResponse): void {
    const wanted = join(dist, normalize(path));
    const found = path !== '/' && existsSync(wanted) ? wanted : join(dist, 'index.html');
    response.writeHead(200, {
      'content-type': TYPES[extname(found)] ?? 'application/octet-stream',
      'content-security-policy': CSP,
    });
    response.end(readFileSync(found));
  }

  function list(response: ServerResponse, found: unknown[], url: URL, more: object = {}): void {
    const size = Number(url.searchParams.get('limit') ?? 50);
    const from = Number(url.searchParams.get('cursor') ?? 0);
    const next = from + size < found.length ? String(from + size) : null;
    answer(response, 200, { items: found.slice(from, from + size), next, ...more });
  }

  function replay(response: ServerResponse, parts: string[], url: URL): void {
    const session = recorded.find(({ facts }) => facts.session_id === parts[2]);
    if (!session) {
      problem(response, 404, 'not_found');
    } else if (parts[3] === 'markers') {
      const events = audit.filter(({ moment }) => moment?.session_id === session.facts.session_id);
      const marks = events.map((event) => ({
        kind: 'audit',
        at_ms: Date.parse(event.occurred_at),
        offset_ms: event.moment?.offset_ms ?? 0,
        tab: event.moment?.tab,
        label: event.action,
        audit_id: event.id,
      }));
      answer(response, 200, { items: [...session.markers, ...marks], next: null });
    } else if (parts[3] === 'events') {
      const from = Number(url.searchParams.get('from_ms') ?? 0);
      const to = Number(url.searchParams.get('to_ms') ?? Infinity);
      const start = session.keyframes.filter((index) => (session.times[index] ?? 0) <= from).at(-1) ?? 0;
      const lines = session.lines.filter((_, index) => index >= start && (session.times[index] ?? 0) < to);
      answer(response, 200, `${lines.join('\n')}\n`, 'application/jsonl');
    } else answer(response, 200, session.manifest);
  }

  function auditQuery(response: ServerResponse, url: URL): void {
    const query = url.searchParams.get('q') ?? '';
    const wrong = /(^|\s)(usr):/.exec(query);
    if (wrong) {
      const position = wrong.index + (wrong[1]?.length ?? 0);
      problem(response, 400, 'query_syntax', {
        position,
        hint: 'did you mean "user"?',
        detail: 'unknown field "usr"',
      });
      return;
    }
    const found = audit.filter((event) => query.split(/\s+/).every((term) => matches(event, term)));
    const inList = ([name]: [string, unknown]): boolean => !['before', 'after', 'patch'].includes(name);
    const brief = found.map((event) => Object.fromEntries(Object.entries(event).filter(inList)));
    list(response, brief, url, { total: found.length, complete_to: new Date().toISOString() });
  }

  function matches(event: AuditEvent, term: string): boolean {
    const [field, value] = term.split(':');
    if (field === 'outcome') return event.outcome === value;
    if (field === 'action') return event.action.startsWith((value ?? '').replace('*', ''));
    return JSON.stringify(event).includes(term);
  }

  function sql(response: ServerResponse, text: string): void {
    if (!/^\s*select/i.test(text)) {
      problem(response, 400, 'sql_refused', { detail: 'only one SELECT is allowed' });
      return;
    }
    const counts = new Map<string, number>();
    for (const { markers } of recorded)
      for (const { kind } of markers) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const data = [...counts].map(([kind, events]) => ({ kind, events: String(events) }));
    const meta = [
      { name: 'kind', type: 'LowCardinality(String)' },
      { name: 'events', type: 'UInt64' },
    ];
    answer(response, 200, {
      meta,
      data,
      rows: data.length,
      statistics: { elapsed: 0.004, rows_read: 3396, bytes_read: 271_680 },
    });
  }

  async function api(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
    if (parts[1] === 'recordings') {
      const refused = door.take(parts[2] ?? '', url.searchParams.get('key'), body);
      if (refused) problem(response, refused.status, refused.reason);
      else answer(response, 202, { accepted: 1, level: 'L4', now_ms: Date.now() });
    } else if (url.pathname === '/v1/login') {
      if ((JSON.parse(body) as { token?: string }).token !== token) {
        problem(response, 401, 'token_unknown');
        return;
      }
      response.setHeader('set-cookie', `hindsight=${token}; HttpOnly; SameSite=Strict; Path=/`);
      answer(response, 200, {});
    } else if (!request.headers.cookie?.includes(`hindsight=${token}`))
      problem(response, 401, 'token_missing');
    else if (parts[1] === 'logout') {
      response.setHeader('set-cookie', 'hindsight=; Max-Age=0; Path=/');
      answer(response, 204, '');
    } else if (parts[1] === 'me')
      answer(response, 200, { user: 'admin', roles: ['admin'], projects: ['demo'] });
    else if (parts[1] === 'keys') answer(response, 200, door.keys());
    else if (parts[1] === 'sessions' && parts[2]) {
      if (door.has(parts[2])) answer(response, 200, { session_id: parts[2] });
      else problem(response, 404, 'not_found');
    } else if (parts[1] === 'sessions') {
      const state = url.searchParams.get('state');
      const errors = url.searchParams.get('has') === 'error';
      const found = recorded
        .map(({ facts }) => facts)
        .filter((each) => (!state || each.state === state) && (!errors || each.errors));
      list(response, found, url);
    } else if (parts[1] === 'replays') replay(response, parts, url);
    else if (parts[1] === 'audit' && parts[2]) {
      const event = audit.find(({ id }) => id === parts[2]);
      if (event) answer(response, 200, event);
      else problem(response, 404, 'not_found');
    } else if (parts[1] === 'audit') auditQuery(response, url);
    else if (parts[1] === 'references') {
      const is = (each: { type: string; id: string }): boolean =>
        each.type === parts[2] && each.id === parts[3];
      answer(response, 200, {
        reference: { type: parts[2], id: parts[3] },
        sessions: recorded.map(({ facts }) => facts).filter(({ references }) => references?.some(is)),
        audit: audit.filter(({ references }) => references?.some(is)),
      });
    } else if (parts[1] === 'sql') sql(response, body);
    else problem(response, 404, 'not_found');
  }

  return createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fixture');
    if (!url.pathname.startsWith('/v1/')) file(url.pathname, response);
    else void api(request, response, url);
  });
}
