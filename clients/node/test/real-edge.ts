import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const READY_WITHIN_MS = 60_000;

interface Page {
  total: number;
  items: Record<string, unknown>[];
}

/**
 * A real server: the binary on a folder of its own and a free port, which it keeps over a restart. The binary is
 * `HINDSIGHT_BINARY`, else the debug build.
 */
export class RealEdge {
  url = '';
  writeKey = '';
  private token = '';
  private process: ChildProcess | undefined;

  private constructor(private readonly data: string) {}

  static async start(folder: string): Promise<RealEdge> {
    const edge = new RealEdge(join(folder, 'data'));
    await edge.start('127.0.0.1:0');
    return edge;
  }

  private async start(listen: string): Promise<void> {
    const log = openSync(join(this.data, '../server.log'), 'a');
    const environment = { ...process.env, RUST_LOG: 'info,tantivy=warn' };
    delete (environment as NodeJS.ProcessEnv).HINDSIGHT_CONFIG;
    this.process = spawn(
      binary(),
      ['up', '--listen', listen, '--data-dir', this.data, '--libchdb', libchdb()],
      { stdio: ['ignore', 'ignore', log], env: environment },
    );
    await until(`ready, see ${this.data}/../server.log`, () => this.isReady());
  }

  private async isReady(): Promise<boolean> {
    if (this.process?.exitCode != null) throw new Error(`the server ended; see ${this.data}/../server.log`);
    const file = join(this.data, 'credentials.json');
    if (!existsSync(file)) return false;
    const credentials = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
    this.url = credentials.url ?? '';
    this.writeKey = credentials.write_key ?? '';
    this.token = credentials.admin_token ?? '';
    return fetch(`${this.url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const ended = new Promise((done) => this.process?.once('exit', done));
    this.process?.kill('SIGKILL');
    await ended;
  }

  /** Starts again on the same port and data. */
  restart(): Promise<void> {
    return this.start(`127.0.0.1:${new URL(this.url).port}`);
  }

  async get<T>(path: string): Promise<T> {
    const answer = await fetch(this.url + path, { headers: { authorization: `Bearer ${this.token}` } });
    if (!answer.ok) throw new Error(`${path}: ${String(answer.status)} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** Audit events of a query, as soon as so many are found. */
  async audit(query: string, expected: number): Promise<Page> {
    let found: Page = { total: 0, items: [] };
    await until(`${String(expected)} events of ${query}`, async () => {
      found = await this.get<Page>(`/v1/audit?limit=1000&q=${encodeURIComponent(query)}`);
      return found.total >= expected;
    });
    return found;
  }

  /** The first line of a statement's answer. */
  async sql(statement: string): Promise<string> {
    const answer = await fetch(`${this.url}/v1/sql`, {
      method: 'POST',
      body: `${statement} FORMAT TSV`,
      headers: { authorization: `Bearer ${this.token}` },
    });
    return (await answer.text()).trim();
  }

  async close(): Promise<void> {
    if (this.process?.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((done) => this.process?.once('exit', done));
    this.process.kill('SIGTERM');
    await ended;
  }
}

/** Looks again and again; fails after a minute. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + READY_WITHIN_MS;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${String(READY_WITHIN_MS)} ms: ${what}`);
    await pause(50);
  }
}

function binary(): string {
  const target = process.env.CARGO_TARGET_DIR ?? join(cache(), 'target');
  return present(
    process.env.HINDSIGHT_BINARY ?? join(target, 'debug/hindsight'),
    'cargo build --locked -p hindsight',
  );
}

function libchdb(): string {
  return present(
    process.env.HINDSIGHT_LIBCHDB ?? join(cache(), 'libchdb/package/libchdb.so'),
    'make libchdb',
  );
}

function cache(): string {
  return process.env.HINDSIGHT_CACHE ?? join(homedir(), '.cache/hindsight');
}

function present(file: string, remedy: string): string {
  if (!existsSync(file)) throw new Error(`${file} is missing: run \`${remedy}\` first`);
  return file;
}
