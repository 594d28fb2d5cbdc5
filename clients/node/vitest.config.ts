import { defineConfig } from 'vitest/config';

// The tests with the real edge start a server each: a minute for it to be ready, as promised.
export default defineConfig({
  test: { testTimeout: 120_000, hookTimeout: 90_000, include: ['test/**/*.test.ts'] },
});
