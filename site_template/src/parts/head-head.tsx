import { score } from "../draw/format.ts";
import { finderHref, headDefinitionHref, headHref, headsHref } from "../state/url.ts";
import type { Head, Heads } from "../store/heads.ts";
import { HEAD_DOCS, type Metric } from "../store/schema.gen.ts";
import { Help } from "./help.tsx";
import { Share } from "./share.tsx";
import { KeyedStar } from "./star.tsx";
import { Walk } from "./walk.tsx";

const KEYS: readonly [string, string][] = [
  ["/, Ctrl-K", "search"],
  ["← →", "previous, next head of the layer"],
  ["r", "a random head of the layer"],
  ["s", "put it on your list, or take it off"],
  ["Tab, ← → ↑ ↓", "walk along tabs, tokens, and the pattern"],
  ["t", "to the strongest pair of the window"],
  ["n", "to the next weaker pair"],
];
const SHOWN: readonly [Metric, string][] = [
  ["random_induction_score", "induction"],
  ["random_prev_token_score", "previous token"],
  ["random_duplicate_token_score", "duplicate token"],
  ["first_position_score", "on the first position"],
  ["copying_score", "copying"],
];

interface Props {
  at: string;
  heads: Heads;
  head: Head;
  root: string;
  onGo: (address: string) => void;
}

/** Address, ways onward, and the scores that say of what kind it is. */
export function HeadHead({ at, heads, head, root, onGo }: Props) {
  const { id, n_heads: n } = heads.record;
  return (
    <header class="latent-head">
      <h1>
        <a href={headsHref(root, id)}>{id}</a>
        <span class="quiet">/</span>
        {head.index}
      </h1>
      <nav aria-label="heads">
        <Walk dictionary={id} unit="head" href={headHref} {...{ at, n, root, onGo }} />
        <a class="button" href={finderHref(root)}>
          all heads
        </a>
        <KeyedStar address={`${id}/${head.index}`} />
        <Share address={`${id}/${head.index}`} kind="head" />
        <Help keys={KEYS} />
      </nav>
      <ul class="figures">
        {SHOWN.map(([field, name]) => (
          <li key={field}>
            <b>{score(head.floats[field][0] ?? 0)}</b>{" "}
            <a href={headDefinitionHref(root, field)} title={HEAD_DOCS[field]}>
              {name}
            </a>
          </li>
        ))}
      </ul>
    </header>
  );
}
