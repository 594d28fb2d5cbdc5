import { readFileSync } from 'node:fs';

/** The cases that all clients share: `clients/vectors`. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), 'utf8')) as T;
}
