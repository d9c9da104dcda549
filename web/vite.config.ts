// src/ ─▶ ../bklog/page/dist: names with digests, a manifest that django-vite reads, and each file packed beside it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import vue from "@vitejs/plugin-vue";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const OUT = join(import.meta.dirname, "../bklog/page/dist");
const FILES = "files"; // apart from the manifest, as all that is in it is served
const WORTH_PACKING_BYTES = 1024;

function packed(): Plugin {
  return {
    name: "packed",
    apply: "build",
    closeBundle() {
      for (const name of readdirSync(join(OUT, FILES))) {
        if (!/\.(js|css|svg)$/.test(name)) continue;
        const bytes = readFileSync(join(OUT, FILES, name));
        if (bytes.length < WORTH_PACKING_BYTES) continue;
        writeFileSync(join(OUT, FILES, `${name}.gz`), gzipSync(bytes, { level: 9 }));
        writeFileSync(join(OUT, FILES, `${name}.br`), brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
      }
    },
  };
}

export default defineConfig({
  plugins: [vue(), packed()],
  base: "/page/",
  build: {
    outDir: OUT,
    emptyOutDir: true,
    assetsDir: FILES,
    assetsInlineLimit: 0,
    manifest: true,
    modulePreload: { polyfill: false },
    rollupOptions: { input: "src/main.ts" },
    target: "es2022",
  },
  server: { proxy: { "/api": "http://127.0.0.1:8000", "/ingest": "http://127.0.0.1:8000" } },
  test: { include: ["tests/**/*.test.ts"] },
});
