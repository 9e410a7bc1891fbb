import { useEffect } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { count } from "../draw/format.ts";
import { alone, textOf } from "../draw/glyphs.ts";
import { Failed } from "../parts/failed.tsx";
import { Pane } from "../parts/pane.tsx";
import { Slow } from "../parts/slow.tsx";
import { Token } from "../parts/token.tsx";
import { UnitList } from "../parts/unit-list.tsx";
import { useLoadable } from "../state/loadable.ts";
import { openAtlas } from "../state/opened.ts";
import { matchingTypes } from "../state/types.ts";
import { searchHref, tokenHref, useQuery } from "../state/url.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import { AtlasError } from "../store/errors.ts";
import { type Row, TokenIndex, type TokenUnits } from "../store/tokens.ts";

interface Opened {
  atlas: Atlas;
  vocabulary: Vocabulary;
  type: number;
  units: TokenUnits;
}

const COSINE = "firings on the token / √(its occurrences × the unit’s firings)";
const P = "P(the unit fires at the token)";
const AT_MAX = "logit effect on the token at the unit’s highest activation";
const PER_UNIT = "logit effect per unit of activation";

/** The page of any token type: `t` is its number, or `text` its text. */
export function TokenPage({ config }: { config: SiteConfig }) {
  const [query, change] = useQuery();
  const key = JSON.stringify([query.get("t"), query.get("text")]);
  const opened = useLoadable(key, () => open(config.atlas, query.get("t"), query.get("text")));
  useEffect(() => {
    if (opened.state === "ready") document.title = `“${alone(opened.value.vocabulary, opened.value.type)}” · ${opened.value.atlas.manifest.title}`;
  }, [opened.state, key]);
  if (opened.state === "failed") return <Failed error={opened.error} retry={opened.retry} />;
  if (opened.state === "loading") return <Skeleton />;
  const chosen = query.get("dictionary") ?? "";
  return <View {...opened.value} root={config.root} chosen={chosen} onChoose={(id) => change({ dictionary: id === "" ? null : id }, "replace")} />;
}

async function open(base: string, t: string | null, text: string | null): Promise<Opened> {
  const atlas = await openAtlas(base);
  const vocabulary = await atlas.vocabulary();
  const type = typeOf(t, text, vocabulary);
  return { atlas, vocabulary, type, units: await (await TokenIndex.of(atlas)).read(type) };
}

function typeOf(t: string | null, text: string | null, vocabulary: Vocabulary): number {
  const type = t === null ? vocabulary.text.indexOf(text ?? "") : /^\d+$/.test(t) ? Number(t) : -1;
  if ((t === null && text === null) || type < 0 || type >= vocabulary.text.length) {
    const asked = t === null && text === null ? "No token was asked for" : t === null ? `No token is “${text}”` : `“${t}” is no token’s number`;
    throw new AtlasError(asked, `The tokens are 0 to ${vocabulary.text.length - 1}; search for one by its text, spaces and all`);
  }
  return type;
}

interface Props extends Opened {
  root: string;
  /** Dictionary that the lists are cut to; "" for all. */
  chosen: string;
  onChoose: (dictionary: string) => void;
}

function View({ atlas, vocabulary, type, units, root, chosen, onChoose }: Props) {
  const there = new Set([...units.fires, ...units.promoted, ...units.suppressed].map(({ address }) => address.dictionary));
  const ids = atlas.manifest.dictionaries.map(({ id }) => id).filter((id) => there.has(id));
  const cut = (rows: Row[]) => rows.filter(({ address }) => chosen === "" || address.dictionary === chosen);
  const others = matchingTypes(textOf(vocabulary, type), vocabulary).filter(({ how }) => how === "spaces" || how === "case");
  const why = `The token occurs ${count(units.count)} times in the corpus. A unit is found by its table of the token types it is most active on, which leaves out the rare ones.`;
  const list = (id: string, name: string, rows: Row[], heads: readonly [string, string], docs: readonly [string, string], none: string) => (
    <Pane name={name} id={id}>
      {rows.length > 0 ? <UnitList key={`${type} ${chosen}`} {...{ rows, heads, docs, atlas, vocabulary, root }} /> : <p class="quiet">{none}</p>}
    </Pane>
  );
  const among = chosen === "" ? "" : ` of ${chosen}`;
  return (
    <article class="token-page" data-ready={`token ${type}`}>
      <header class="latent-head">
        <h1>
          <Token type={type} vocabulary={vocabulary} />
        </h1>
        <ul class="figures">
          <li>
            token <b>{count(type)}</b>
          </li>
          <li>
            <b>{count(units.count)}</b> occurrences in the corpus
          </li>
          <li>
            <a href={searchHref(root, textOf(vocabulary, type))}>search it as text</a>
          </li>
        </ul>
        {others.length > 0 && (
          <nav class="others" aria-label="tokens like it">
            <span class="quiet">like it</span>
            {others.map((match) => (
              <a key={match.type} class="token" href={tokenHref(root, match.type)} title={`token ${match.type}`}>
                {alone(vocabulary, match.type)}
              </a>
            ))}
          </nav>
        )}
        {ids.length > 1 && (
          <label class="quiet">
            units of{" "}
            <select value={ids.includes(chosen) ? chosen : ""} onChange={(event) => onChoose(event.currentTarget.value)}>
              <option value="">all dictionaries</option>
              {ids.map((id) => (
                <option key={id} value={id}>
                  {id}
                </option>
              ))}
            </select>
          </label>
        )}
      </header>
      <div class="token-panes">
        {list("fires", "Fire on it", cut(units.fires), ["cosine", "P(fires)"], [COSINE, P], `No unit${among} is known to fire on it. ${why}`)}
        {list("promoted", "Promote it", cut(units.promoted), ["at max", "per unit"], [AT_MAX, PER_UNIT], `No unit${among} has it among the ten tokens that it promotes most.`)}
        {list("suppressed", "Suppress it", cut(units.suppressed), ["at max", "per unit"], [AT_MAX, PER_UNIT], `No unit${among} has it among the ten tokens that it suppresses most.`)}
      </div>
      <p class="quiet">
        At most 32 units are told on each side, of all dictionaries together. cosine: {COSINE}; at max: {AT_MAX}; per unit: {PER_UNIT}.
      </p>
    </article>
  );
}

function Skeleton() {
  return (
    <article class="token-page waits" aria-busy="true">
      <header class="latent-head">
        <h1>token</h1>
        <Slow />
      </header>
      <div class="token-panes">
        {["Fire on it", "Promote it", "Suppress it"].map((name) => (
          <Pane key={name} name={name} id={name}>
            <div class="skeleton" />
          </Pane>
        ))}
      </div>
    </article>
  );
}
