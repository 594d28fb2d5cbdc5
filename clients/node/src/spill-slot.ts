import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, realpath, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';

/**
 * The folder of one process below the spill folder, held by a socket that the system drops when the process ends: Node
 * has no file locks. On Linux it has a name but no file; elsewhere it lies in the folder, and one that nobody listens on
 * is taken over.
 *
 * Several processes of one machine may share a spill folder: each takes the first free of `MOST_SLOTS` places, and takes
 * over what ended processes left in others. Containers with a network of their own need a folder of their own.
 */
export const MOST_SLOTS = 64;

export interface SpillSlot {
  folder: string;
  release(): Promise<void>;
}

/** Takes the first free place. */
export async function takeSlot(spillFolder: string): Promise<SpillSlot> {
  await mkdir(spillFolder, { recursive: true });
  for (let number = 0; number < MOST_SLOTS; number++) {
    const slot = await tryTake(place(spillFolder, number));
    if (slot !== undefined) return slot;
  }
  throw new Error(`${spillFolder}: all ${String(MOST_SLOTS)} places are taken by running processes`);
}

/** Places that ended processes left behind, each held now. */
export async function takeLeftovers(spillFolder: string, own: SpillSlot): Promise<SpillSlot[]> {
  const left: SpillSlot[] = [];
  for (let number = 0; number < MOST_SLOTS; number++) {
    const folder = place(spillFolder, number);
    if (folder !== own.folder && existsSync(folder)) {
      const slot = await tryTake(folder);
      if (slot !== undefined) left.push(slot);
    }
  }
  return left;
}

function place(spillFolder: string, number: number): string {
  return join(spillFolder, `node-${String(number)}`);
}

async function tryTake(folder: string): Promise<SpillSlot | undefined> {
  await mkdir(folder, { recursive: true });
  const name = await socketName(folder);
  let server = await listen(name);
  if (server === undefined && !name.startsWith('\0') && !(await answers(name))) {
    await rm(name, { force: true });
    server = await listen(name);
  }
  if (server === undefined) return undefined;
  const held = server;
  return {
    folder,
    release: () =>
      new Promise((done) => {
        held.close(() => {
          done();
        });
      }),
  };
}

async function socketName(folder: string): Promise<string> {
  const digest = createHash('sha256')
    .update(await realpath(folder))
    .digest('hex')
    .slice(0, 32);
  if (process.platform === 'linux') return `\0hindsight-spill-${digest}`;
  return process.platform === 'win32' ? `\\\\.\\pipe\\hindsight-spill-${digest}` : join(folder, 'lock');
}

function listen(name: string): Promise<Server | undefined> {
  return new Promise((done, failed) => {
    const server = createServer((connection) => connection.destroy());
    server.unref();
    server.once('error', (failure: NodeJS.ErrnoException) => {
      if (failure.code === 'EADDRINUSE') done(undefined);
      else failed(failure);
    });
    server.listen(name, () => {
      done(server);
    });
  });
}

function answers(name: string): Promise<boolean> {
  return new Promise((done) => {
    const probe = connect(name);
    probe.once('connect', () => {
      probe.destroy();
      done(true);
    });
    probe.once('error', () => {
      done(false);
    });
  });
}
