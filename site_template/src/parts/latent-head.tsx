import { count, number, percent } from "../draw/format.ts";
import { topToken } from "../state/opened.ts";
import { compareHref, definitionHref, dictionaryHref } from "../state/url.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Dictionary, Latent } from "../store/dictionary.ts";
import { DOCS, type FloatField } from "../store/schema.gen.ts";
import { Help } from "./help.tsx";
import { Share } from "./share.tsx";
import { KeyedStar } from "./star.tsx";
import { Labels } from "./labels.tsx";
import { Token } from "./token.tsx";
import { Walk } from "./walk.tsx";

const KEYS: readonly [string, string][] = [
  ["/, Ctrl-K", "search"],
  ["← →", "previous, next latent"],
  ["r", "a random latent"],
  ["s", "put it on your list, or take it off"],
  ["Tab, ← →", "walk along tabs and excerpts"],
];

interface Props {
  at: string;
  dictionary: Dictionary;
  latent: Latent;
  vocabulary: Vocabulary;
  root: string;
  onGo: (address: string) => void;
}

/** Address, ways onward, and the figures to judge by. */
export function LatentHead({ at, dictionary, latent, vocabulary, root, onGo }: Props) {
  const { id, n_latents: n } = dictionary.record;
  const top = topToken(latent);
  const figure = (field: FloatField, name: string, show: (value: number) => string) => (
    <li>
      <b>{show(latent.floats[field][0] ?? 0)}</b>{" "}
      <a href={definitionHref(root, field)} title={DOCS[field]}>
        {name}
      </a>
    </li>
  );
  return (
    <header class="latent-head">
      <h1>
        <a href={dictionaryHref(root, id)}>{id}</a>
        <span class="quiet">/</span>
        {latent.index}
        {top !== null && <Token type={top} vocabulary={vocabulary} />}
      </h1>
      <nav aria-label="latents">
        <Walk dictionary={id} n={n} {...{ at, root, onGo }} />
        <a class="button" href={compareHref(root, at)}>
          compare
        </a>
        <KeyedStar address={`${id}/${latent.index}`} />
        <Share address={`${id}/${latent.index}`} kind="latent" />
        <Help keys={KEYS} />
      </nav>
      <Labels labels={latent.labels} />
      <ul class="figures">
        {figure("density", "density", percent)}
        <li>
          <b>{count(latent.ints.firings[0] ?? 0)}</b> firings
        </li>
        {figure("max", "max", number)}
        {figure("mean_firing", "mean when firing", number)}
        {figure("concentration", "on five token types", percent)}
      </ul>
    </header>
  );
}
