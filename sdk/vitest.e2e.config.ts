import { defineConfig } from 'vitest/config';

/** One browser at a time: the machine that runs this is small. `e2e/real` needs a server (tools/e2e starts one). */
export default defineConfig({
  test: {
    include: process.env['HINDSIGHT_URL'] ? ['e2e/real/*.e2e.ts'] : ['e2e/*.e2e.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
