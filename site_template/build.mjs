// Bundles src/main.tsx, the two classic scripts and the styles into static/. Wasm codecs are left out: the atlas uses gzip,
// which browsers unpack themselves; that keeps 1.4 MB out of the package.
import { rm } from "node:fs/promises";
import { build } from "esbuild";

await rm("static", { recursive: true, force: true });
const shared = { entryNames: "[name]", outdir: "static", bundle: true, minify: true, target: "es2022", logLevel: "warning" };
await build({ ...shared, entryPoints: ["src/ahead.ts", "src/note.ts"], format: "iife" });
await build({
  ...shared,
  entryPoints: ["src/main.tsx", "styles/main.css"],
  splitting: true,
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  external: ["numcodecs/*"],
});
