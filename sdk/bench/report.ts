/** The report: figures beside their bound, as a table for people and as JSON, with command, machine, commit, date. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

export interface Row {
  figure: string;
  value: number;
  unit: string;
  /** The same with bare @rrweb/record, where that makes sense. */
  bare?: number;
  target?: string;
}

const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();

function machine(): Record<string, string | number> {
  const dirty = git('status', '--porcelain') ? '-dirty' : '';
  return {
    cpu: cpus()[0]?.model ?? '',
    cores: cpus().length,
    memory_mib: Math.round(totalmem() / (1 << 20)),
    kernel: release(),
    load: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]),
    commit: git('rev-parse', '--short=12', 'HEAD') + dirty,
    date: `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
  };
}

const brief = (value: number | undefined): string =>
  value === undefined ? '' : String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toFixed(2)));

/** Writes `<name>.md` and `<name>.json` into `folder`. */
export function writeReport(
  folder: string,
  name: string,
  command: string,
  notes: string[],
  rows: Row[],
): void {
  const about = machine();
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, `${name}.json`),
    `${JSON.stringify({ machine: about, command, notes, rows }, null, 2)}\n`,
  );
  const { cpu, cores, memory_mib, kernel, load, commit, date } = about;
  const lines = [
    `# ${name}`,
    '',
    `${String(cpu)}, ${String(cores)} cores, ${String(memory_mib)} MiB, Linux ${String(kernel)}, load ${String(load)}; commit ${String(commit)}, ${String(date)}`,
    '',
    `\`${command}\``,
    '',
    ...notes.map((note) => `- ${note}`),
    '',
    '| figure | value | bare @rrweb/record | unit | to reach |',
    '|---|---:|---:|---|---|',
    ...rows.map(
      ({ figure, value, unit, bare, target }) =>
        `| ${figure} | ${brief(value)} | ${brief(bare)} | ${unit} | ${target ?? ''} |`,
    ),
    '',
  ];
  writeFileSync(join(folder, `${name}.md`), lines.join('\n'));
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = [sorted[(sorted.length - 1) >> 1], sorted[middle]];
  return (low + high) / 2;
}
