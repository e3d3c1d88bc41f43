// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const COMPRESSED = /\.(html|js|css|svg|json)$/;

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

/** The server sends .br or .gz where the browser takes it and never compresses by itself. */
function precompress(): Plugin {
  let out = '';
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      out = resolve(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const path of files(out).filter((name) => COMPRESSED.test(name))) {
        const bytes = readFileSync(path);
        const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, quality));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

/** As the C server does it: one page for every room. */
function roomPages(): Plugin {
  return {
    name: 'room-pages',
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        if (/^\/visio\/[a-z0-9-]{3,64}(\?|$)/.test(request.url ?? '')) request.url = '/visio.html';
        next();
      });
    },
  };
}

const server = process.env['CONSILIUM_SERVER'] ?? 'https://localhost:8443';

export default defineConfig({
  plugins: [react(), precompress(), roomPages()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: resolve(import.meta.dirname, 'index.html'), visio: resolve(import.meta.dirname, 'visio.html') },
    },
  },
  server: {
    proxy: {
      '/api': { target: server, secure: false },
      '/visio/ws': { target: server, secure: false, ws: true },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
  },
});
