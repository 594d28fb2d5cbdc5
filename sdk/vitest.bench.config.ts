import { defineConfig } from 'vitest/config';

/** One browser, one page at a time: what is measured must not measure its neighbour. */
export default defineConfig({
  test: { include: ['bench/*.bench.ts'], fileParallelism: false, reporters: ['verbose'] },
});
