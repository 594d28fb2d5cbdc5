/**
 * An edge that remembers every byte: serves the built recorder as the real one does, takes batches, and answers as a
 * test says.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface Seen {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

export interface Sent {
  session: string;
  tab: string;
  seq: number;
  final: boolean;
  events: { type: number; timestamp: number; data: Record<string, unknown> }[];
}

export interface Reply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

const web = new URL('../dist/web/', import.meta.url);
const CORS = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Retry-After, ETag' };
const BATCH = /^\/v1\/recordings\/([^/]+)\/([^/]+)\/(\d+)$/;

export class Edge {
  readonly seen: Seen[] = [];
  recording: Record<string, unknown> = {};
  limits: Record<string, number> = {};
  /** What a batch is answered; default: kept. */
  reply: (sent: Sent) => Reply = () => this.kept();
  level = 'L4';
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      this.take(request, response);
    });
  }

  static async start(): Promise<Edge> {
    const edge = new Edge();
    await new Promise<void>((resolve) => edge.server.listen(0, '127.0.0.1', resolve));
    return edge;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
  }

  /** The one script tag. */
  tag(attributes = ''): string {
    return `<script src="${this.url}/sdk.js?id=hs_browser_1&source=shop" ${attributes}></script>`;
  }

  /** Batches that were answered 202, each identity once. */
  readonly taken = new Map<string, Sent>();

  kept(): Reply {
    return { status: 202, body: { accepted: 1, level: this.level, now_ms: Date.now() } };
  }

  /** Every event that was taken, in order within its tab. */
  events(): Sent['events'] {
    return [...this.taken.values()].sort((a, b) => a.seq - b.seq).flatMap(({ events }) => events);
  }

  facts(name: string): Record<string, unknown>[] {
    return this.events()
      .filter(({ type, data }) => type === 5 && data['tag'] === `hindsight.${name}`)
      .map(({ data }) => data['payload'] as Record<string, unknown>);
  }

  /** Everything that left the browser, unpacked, as one text. */
  everything(): string {
    return this.seen
      .map(({ path, query, headers, body }) => [
        path,
        query.toString(),
        JSON.stringify(headers),
        plain(body, query),
      ])
      .flat()
      .join('\n');
  }

  async until(what: string, found: (edge: Edge) => boolean, withinMs = 15_000): Promise<void> {
    const until = Date.now() + withinMs;
    while (!found(this)) {
      if (Date.now() > until) {
        const got = this.seen.map(({ method, path }) => `${method} ${path}`).join('\n');
        throw new Error(`not within ${String(withinMs)} ms: ${what}\n${got}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private take(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', this.url);
      const { method = '', headers } = request;
      const seen = {
        method,
        path: url.pathname,
        query: url.searchParams,
        headers,
        body: Buffer.concat(chunks),
      };
      this.seen.push(seen);
      const { status, body, headers: more } = this.answer(seen);
      response.writeHead(status, { ...CORS, ...more });
      response.end(Buffer.isBuffer(body) ? body : JSON.stringify(body ?? {}));
    });
  }

  private answer(seen: Seen): Reply {
    const script = /^\/sdk(?:\/[^/]+)?\/?([\w.]+\.js)?$/.exec(seen.path);
    if (seen.path === '/sdk.js') return file('sdk.js');
    if (script?.[1]) return file(script[1]);
    if (seen.path === '/v1/config') return this.config();
    const batch = BATCH.exec(seen.path);
    if (!batch || seen.method !== 'POST') return { status: 404 };
    const [, session = '', tab = '', seq = ''] = batch;
    const events = plain(seen.body, seen.query)
      .split('\n')
      .map((line) => JSON.parse(line) as Sent['events'][number]);
    const sent = { session, tab, seq: Number(seq), final: seen.query.get('final') === '1', events };
    const reply = this.reply(sent);
    if (reply.status === 202) this.taken.set(`${session}/${tab}/${seq}`, sent);
    return reply;
  }

  private config(): Reply {
    const recording = { flush_every_ms: 100, ...this.recording };
    return {
      status: 200,
      body: { project: 'p', source: 'shop', recording, limits: this.limits, now_ms: Date.now() },
    };
  }
}

const file = (name: string): Reply => ({
  status: 200,
  body: readFileSync(new URL(name, web)),
  headers: { 'content-type': 'text/javascript' },
});

const plain = (body: Buffer, query: URLSearchParams): string =>
  (query.get('encoding') === 'gzip' ? gunzipSync(body) : body).toString('utf8');
