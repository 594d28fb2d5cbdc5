/** Everything that the server keeps: its files as they lie there and unpacked, and what its calls give of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, inflateRawSync } from 'node:zlib';

const TABLES = ['events', 'batches', 'sessions', 'segments', 'audit'];

interface Server {
  url: string;
  token: string;
  data: string;
}

/** The folder's files, and each gzip body within them. */
export function* files({ data }: Server): Generator<{ name: string; bytes: Buffer }> {
  for (const entry of readdirSync(data, { recursive: true, withFileTypes: true })) {
    const name = join(entry.parentPath, entry.name);
    if (!entry.isFile() || entry.name === 'credentials.json') continue;
    const bytes = readFileSync(name);
    yield { name, bytes };
    for (
      let at = bytes.indexOf('\x1f\x8b\x08', 0, 'latin1');
      at >= 0;
      at = bytes.indexOf('\x1f\x8b\x08', at + 1, 'latin1')
    )
      yield { name: `${name} at ${String(at)}`, bytes: inflated(bytes.subarray(at)) };
  }
}

/** The header of a gzip body without a name or other extras: what browsers make. */
const GZIP_HEADER = 10;

/**
 * Up to where it ends: what follows in the file is none of it (gunzip would take it for another body), and what only looks
 * like gzip gives nothing.
 */
function inflated(bytes: Buffer): Buffer {
  try {
    const body = bytes.subarray(GZIP_HEADER, 1 << 20);
    return inflateRawSync(body, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return Buffer.alloc(0);
  }
}

async function text({ url, token }: Server, path: string, body?: string): Promise<string> {
  const response = await fetch(`${url}${path}`, {
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { method: 'POST', body }),
  });
  if (!response.ok) throw new Error(`${path}: ${String(response.status)} ${await response.text()}`);
  return response.text();
}

/** Each table whole; each audit event whole; each event of these sessions. */
export async function* views(
  server: Server,
  sessions: string[],
): AsyncGenerator<{ name: string; bytes: Buffer }> {
  for (const table of TABLES) {
    const rows = await text(server, '/v1/sql', `SELECT * FROM ${table} FORMAT JSONEachRow`);
    yield { name: table, bytes: Buffer.from(rows) };
  }
  const list = JSON.parse(await text(server, '/v1/audit?limit=1000')) as { items: { id: string }[] };
  for (const { id } of list.items)
    yield { name: id, bytes: Buffer.from(await text(server, `/v1/audit/${id}`)) };
  for (const session of sessions) {
    for (const part of ['events?envelope=1', 'markers'])
      yield {
        name: `${session} ${part}`,
        bytes: Buffer.from(await text(server, `/v1/replays/${session}/${part}`)),
      };
  }
}
