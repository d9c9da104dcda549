// src/ ─▶ ../bklog/page/dist: names with digests, a manifest that django-vite reads, and each file packed beside it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import vue from "@vitejs/plugin-vue";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const OUT = join(import.meta.dirname, "../bklog/page/dist");
const SERVED = "files"; // all that is in it is served, so the manifest is not
const WORTH_PACKING_BYTES = 1024;

function packed(): Plugin {
  return {
    name: "packed",
    apply: "build",
    closeBundle() {
      const folder = join(OUT, SERVED);
      for (const name of readdirSync(folder)) {
        if (!/\.(js|css|svg)$/.test(name)) continue;
        const bytes = readFileSync(join(folder, name));
        if (bytes.length < WORTH_PACKING_BYTES) continue;
        writeFileSync(join(folder, `${name}.gz`), gzipSync(bytes, { level: 9 }));
        writeFileSync(
          join(folder, `${name}.br`),
          brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
        );
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
    assetsDir: SERVED,
    assetsInlineLimit: 0,
    manifest: true,
    modulePreload: { polyfill: false },
    rollupOptions: { input: "src/main.ts" },
    target: "es2022",
  },
  server: { proxy: { "/api": "http://127.0.0.1:8000", "/ingest": "http://127.0.0.1:8000" } },
  test: { include: ["tests/**/*.test.ts"] },
});
