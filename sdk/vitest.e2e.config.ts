import { defineConfig } from 'vitest/config';

/** One browser at a time: the machine that runs this is small. */
export default defineConfig({
  test: { include: ['e2e/*.e2e.ts'], fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 },
});
