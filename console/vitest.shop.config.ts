import { defineConfig } from 'vitest/config';

/** Visits to the demo shop of a real server (`HINDSIGHT_URL`), then what became of them: see `e2e/shop`. */
export default defineConfig({
  test: {
    include: ['e2e/shop/*.e2e.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 180_000,
  },
});
