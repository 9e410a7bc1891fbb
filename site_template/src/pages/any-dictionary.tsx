import { useEffect } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { count } from "../draw/format.ts";
import { Failed } from "../parts/failed.tsx";
import { useLoadable } from "../state/loadable.ts";
import { openAtlas } from "../state/opened.ts";
import { useQuery } from "../state/url.ts";
import { AtlasError } from "../store/errors.ts";
import type { DictionaryRecord, Manifest } from "../store/manifest.ts";
import { DictionaryPage } from "./dictionary.tsx";

/** The page of any dictionary: the query says which, and the manifest what a written page says of its own. */
export function AnyDictionary({ config }: { config: SiteConfig }) {
  const [query] = useQuery();
  const at = query.get("at") ?? "";
  const opened = useLoadable(at, () => find(config.atlas, at));
  useEffect(() => {
    document.title = opened.state === "ready" ? `${at} · ${opened.value.manifest.title}` : at;
  }, [at, opened.state]);
  if (opened.state === "failed") return <Failed error={opened.error} retry={opened.retry} />;
  return (
    <>
      <h1>{at}</h1>
      <p class="quiet">{opened.state === "ready" ? summary(opened.value.record, opened.value.manifest) : "…"}</p>
      {opened.state === "ready" && <DictionaryPage config={{ ...config, dictionary: at }} />}
    </>
  );
}

async function find(base: string, at: string): Promise<{ manifest: Manifest; record: DictionaryRecord }> {
  const { manifest } = await openAtlas(base);
  const record = manifest.dictionaries.find(({ id }) => id === at);
  if (record === undefined) {
    const known = manifest.dictionaries.map(({ id }) => id).join(", ");
    throw new AtlasError(at === "" ? "No dictionary was asked for" : `this atlas has no dictionary ${at}`, `It has: ${known}`);
  }
  return { manifest, record };
}

function summary({ kind, architecture, hook_in, hook_out, n_latents, alive }: DictionaryRecord, { windowing }: Manifest): string {
  return [
    `${count(n_latents)} ${kind === "neurons" ? "neurons" : "latents"}`,
    `read at ${hook_in}${hook_in === hook_out ? "" : `, written to ${hook_out}`}`,
    architecture,
    `${count(n_latents - alive)} never fired on ${count(windowing.counted_tokens)} tokens`,
  ].join(" · ");
}
