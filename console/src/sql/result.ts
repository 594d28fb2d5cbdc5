/** What can be made of a SQL answer: cells as text, CSV (RFC 4180), and the series of a chart. */
import type { SqlAnswer } from '../api/types';

export function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'object') return JSON.stringify(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * A text cell that a spreadsheet would run as a formula gets a leading apostrophe: recorded text comes from
 * strangers. Numbers stay numbers, negative ones too.
 */
function csvCell(value: unknown): string {
  const text = cell(value);
  const safe =
    typeof value === 'string' && /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csv(answer: SqlAnswer): string {
  const names = answer.meta.map(({ name }) => name);
  const lines = [names.map(csvCell).join(',')];
  for (const row of answer.data) lines.push(names.map((name) => csvCell(row[name])).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

/** Int64 and Decimal come as strings from ClickHouse; the column's type says that they are numbers. */
export function isNumeric(type: string): boolean {
  return /^(Nullable\(|LowCardinality\()*(U?Int|Float|Decimal)/.test(type);
}

export function isTime(type: string): boolean {
  return /^(Nullable\(|LowCardinality\()*Date/.test(type);
}

export interface Axes {
  x: string;
  y: string[];
}

/** A first guess that is often right: x is the first time or text column, y the first number that isn't x. */
export function guessAxes(answer: SqlAnswer): Axes | null {
  const { meta } = answer;
  const x = meta.find(({ type }) => isTime(type)) ?? meta.find(({ type }) => !isNumeric(type)) ?? meta[0];
  const y = meta.find((column) => column !== x && isNumeric(column.type));
  return x && y ? { x: x.name, y: [y.name] } : null;
}

export interface Series {
  categories: string[];
  values: { name: string; data: (number | null)[] }[];
}

/** At most this many rows are drawn; the table and the CSV have them all. */
export const MAX_POINTS = 5000;

export function series(answer: SqlAnswer, axes: Axes): Series {
  const rows = answer.data.slice(0, MAX_POINTS);
  const number = (value: unknown): number | null => {
    if (value === null || value === undefined || value === '') return null;
    const read = Number(value);
    return Number.isFinite(read) ? read : null;
  };
  return {
    categories: rows.map((row) => cell(row[axes.x])),
    values: axes.y.map((name) => ({ name, data: rows.map((row) => number(row[name])) })),
  };
}
