import { count, number } from "../draw/format.ts";
import { dictionaryHref, headHref } from "../state/url.ts";
import type { DictionaryRecord, HeadsRecord, Manifest } from "../store/manifest.ts";

interface Props {
  manifest: Manifest;
  place: string;
  root: string;
}

/** What the manifest tells of an atlas: what was looked into, and ways into it. */
export function ForeignOverview({ manifest, place, root }: Props) {
  const { model, corpus, windowing, dictionaries, heads = [] } = manifest;
  const units = dictionaries.reduce((sum, { n_latents }) => sum + n_latents, 0);
  const figures: [string, string][] = [
    ["layers × width", `${model.n_layers} × ${model.d_model}`],
    ["parameters", short(model.n_parameters)],
    ["tokens read", count(windowing.counted_tokens)],
    ["units described", count(units)],
    ["heads", count(heads.reduce((sum, { n_heads }) => sum + n_heads, 0))],
    ["size", `${short(manifest.n_bytes)}B`],
  ];
  return (
    <>
      <h1>{manifest.title}</h1>
      <p class="lead">
        What the units of <b>{model.name}</b> ({model.architecture}) respond to, over {count(windowing.counted_tokens)} tokens of {corpus.sources.join(", ")}: {count(corpus.n_documents)} documents.
      </p>
      <dl class="facts">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {dictionaries.length > 0 && <Dictionaries {...{ dictionaries, root }} />}
      {heads.length > 0 && <Heads {...{ heads, root }} />}
      <section>
        <h2>From where</h2>
        <dl class="provenance">
          <div>
            <dt>read from</dt>
            <dd>{place}</dd>
          </div>
          <div>
            <dt>run</dt>
            <dd>
              {manifest.run}, {manifest.created}
            </dd>
          </div>
        </dl>
        <pre>
          <code>{`from feature_atlas import open_atlas\natlas = open_atlas(${JSON.stringify(place)})`}</code>
        </pre>
      </section>
    </>
  );
}

function Dictionaries({ dictionaries, root }: { dictionaries: readonly DictionaryRecord[]; root: string }) {
  return (
    <section aria-labelledby="h-dictionaries">
      <h2 id="h-dictionaries">Dictionaries</h2>
      <div class="scroll">
        <table class="dictionaries">
          <thead>
            <tr>
              {["dictionary", "kind", "read at", "units", "dead", "from"].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {dictionaries.map(({ id, kind, architecture, hook_in, hook_out, n_latents, alive, source }) => (
              <tr key={id}>
                <th scope="row">
                  <a href={dictionaryHref(root, id)}>{id}</a>
                </th>
                <td>{architecture}</td>
                <td>{hook_in === hook_out ? hook_in : `${hook_in} → ${hook_out}`}</td>
                <td>
                  {count(n_latents)} {kind === "neurons" ? "neurons" : "latents"}
                </td>
                <td>{count(n_latents - alive)}</td>
                <td>{source}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** Every head of every layer. */
function Heads({ heads, root }: { heads: readonly HeadsRecord[]; root: string }) {
  return (
    <section aria-labelledby="h-heads">
      <h2 id="h-heads">Attention heads</h2>
      <ul class="all-heads">
        {heads.map(({ id, n_heads }) => (
          <li key={id} id={id}>
            <span class="value">{id}</span>
            {Array.from({ length: n_heads }, (_, head) => (
              <a key={head} href={headHref(root, `${id}/${head}`)} aria-label={`head ${id}/${head}`}>
                {head}
              </a>
            ))}
          </li>
        ))}
      </ul>
    </section>
  );
}

function short(n: number): string {
  for (const [size, suffix] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    if (n >= size) return `${number(n / size)} ${suffix}`;
  }
  return `${number(n)} `;
}
