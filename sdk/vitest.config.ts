import { defineConfig } from 'vitest/config';

export default defineConfig({
  // As the build replaces it.
  define: { __SDK_VERSION__: '"0.0.0"' },
  test: { include: ['src/**/*.test.ts', 'miniprogram/**/*.test.ts'] },
});
