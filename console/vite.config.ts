import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

/** The server embeds `dist`: hashed names are cached for ever, so no asset may keep a fixed one. */
export default defineConfig({
  plugins: [vue()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    // The route chunks of echarts, CodeMirror and the player are large and known to be.
    chunkSizeWarningLimit: 1100,
  },
  define: {
    __VUE_OPTIONS_API__: 'true',
    __VUE_I18N_LEGACY_API__: 'false',
    __VUE_I18N_FULL_INSTALL__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
  },
  server: { proxy: { '/v1': process.env['HINDSIGHT_URL'] ?? 'http://127.0.0.1:8080' } },
});
