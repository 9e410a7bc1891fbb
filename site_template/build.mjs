// Bundles src/main.tsx, src/note.ts and the styles into static/. Wasm codecs are left out: the atlas uses gzip,
// which browsers unpack themselves; that keeps 1.4 MB out of the package.
import { rm } from "node:fs/promises";
import { build } from "esbuild";

await rm("static", { recursive: true, force: true });
await build({
  entryPoints: ["src/main.tsx", "src/note.ts", "styles/main.css"],
  entryNames: "[name]",
  outdir: "static",
  bundle: true,
  minify: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  external: ["numcodecs/*"],
  logLevel: "warning",
});
