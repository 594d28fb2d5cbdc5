/** Where a query went wrong, from the server's 400, whose position counts UTF-8 bytes from 0. */
import type { ApiError } from '../api/client';

export interface SyntaxFault {
  /** The character (code point) that the caret points at; the length of the query for its end. */
  position: number;
  message: string;
  hint: string;
}

/** The character that holds the byte, so that a position after Chinese text points where it should. */
export function characterAt(query: string, byte: number): number {
  const encoder = new TextEncoder();
  let bytes = 0;
  let index = 0;
  for (const character of query) {
    bytes += encoder.encode(character).length;
    if (byte < bytes) return index;
    index += 1;
  }
  return index;
}

export function syntaxFault(error: ApiError, query: string): SyntaxFault | null {
  if (error.status !== 400) return null;
  const { problem } = error;
  const first = problem.errors?.find((each) => each.position !== undefined);
  const byte = problem.position ?? first?.position;
  if (byte === undefined) return null;
  return {
    position: characterAt(query, byte),
    message: problem.detail ?? first?.detail ?? problem.title ?? '',
    hint: problem.hint ?? first?.hint ?? '',
  };
}

/** The query cut for display: before the caret, the character it points at, the rest. */
export function around(query: string, position: number): [string, string, string] {
  const characters = Array.from(query);
  return [
    characters.slice(0, position).join(''),
    characters[position] ?? ' ',
    characters.slice(position + 1).join(''),
  ];
}
