/** Where a query went wrong, from the server's 400: the caret's place counts characters (code points) from 0. */
import type { ApiError } from '../api/client';

export interface SyntaxFault {
  position: number;
  message: string;
  hint: string;
}

export function syntaxFault(error: ApiError, query: string): SyntaxFault | null {
  if (error.status !== 400) return null;
  const { problem } = error;
  const first = problem.errors?.find((each) => each.position !== undefined);
  const position = problem.position ?? first?.position;
  if (position === undefined) return null;
  const end = Array.from(query).length;
  return {
    position: Math.min(Math.max(0, position), end),
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
