import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Files that are there in full or not at all, also after a loss of power. */

const HALF = '.half';

/** Writes a file under a name that didn't exist; when it is done, it outlives the machine's crash. */
export async function createDurably(path: string, content: Buffer): Promise<void> {
  const half = path + HALF;
  try {
    const file = await open(half, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(half, path);
    await syncFolder(dirname(path));
  } catch (failure) {
    await rm(half, { force: true }).catch(() => undefined);
    throw failure;
  }
}

export function isHalf(path: string): boolean {
  return path.endsWith(HALF);
}

export async function syncFolder(folder: string): Promise<void> {
  // Not on Windows, where a folder can't be opened and its entries are journalled.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
