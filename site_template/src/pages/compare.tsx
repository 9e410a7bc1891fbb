import { useEffect, useRef } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { CompareHead, type SideState } from "../parts/compare-head.tsx";
import { CompareSuggestions } from "../parts/compare-suggestions.tsx";
import { CompareView } from "../parts/compare-view.tsx";
import { CopyLink } from "../parts/copy-link.tsx";
import { Failed } from "../parts/failed.tsx";
import { Help } from "../parts/help.tsx";
import { Slow } from "../parts/slow.tsx";
import { type Letter, NAMES, openSide, type Side } from "../state/compare.ts";
import { useKeys } from "../state/keys.ts";
import { type Loadable, useLoadable } from "../state/loadable.ts";
import { latentHref, useQuery } from "../state/url.ts";

const LETTERS: readonly Letter[] = ["a", "b"];
const KEYS: readonly [string, string][] = [
  ["x", "swap A and B"],
  ["a", "another latent A"],
  ["b", "another latent B"],
  ["Tab, ← →", "walk along tabs and excerpts"],
];

/** Two latents, named in the query; `atlas_a` and `atlas_b` are where they are, if not in the site's atlas. */
export function ComparePage({ config }: { config: SiteConfig }) {
  const [query, change] = useQuery();
  const sides = { a: useSide(config, query, "a"), b: useSide(config, query, "b") };
  const swap = () => change({ a: query.get("b"), b: query.get("a"), atlas_a: query.get("atlas_b"), atlas_b: query.get("atlas_a") });
  const go = (letter: Letter, address: string) => change({ [letter]: address });
  const focus = (id: string) => document.getElementById(id)?.focus();
  useKeys({ x: swap, a: () => focus("at-a"), b: () => focus("at-b") });
  const busy = LETTERS.some((letter) => sides[letter].side.state === "loading");
  const title = sides.a.shown?.atlas.manifest.title;
  useEffect(() => {
    document.title = [`${sides.a.at || "…"} and ${sides.b.at || "…"}`, title].filter(Boolean).join(" · ");
  }, [sides.a.at, sides.b.at, title]);
  return (
    <article class={busy && sides.a.shown && sides.b.shown ? "compare waning" : "compare"} aria-busy={busy} data-ready={busy ? undefined : `${sides.a.at} ${sides.b.at}`}>
      <nav aria-label="this page">
        <CopyLink />
        <Help keys={KEYS} />
      </nav>
      <CompareHead sides={sides} onGo={go} onSwap={swap} />
      {busy && <Slow />}
      {LETTERS.map((letter) => {
        const { side } = sides[letter];
        return side.state === "failed" ? (
          <section key={letter} aria-label={`latent ${NAMES[letter]}`}>
            <h2>{NAMES[letter]}</h2>
            <Failed error={side.error} retry={side.retry} />
          </section>
        ) : null;
      })}
      <Body sides={sides} root={config.root} show={query.get("show") ?? "top"} onShow={(id) => change({ show: id === "top" ? null : id }, "replace")} onGo={go} />
    </article>
  );
}

interface BodyProps {
  sides: Record<Letter, SideState>;
  root: string;
  show: string;
  onShow: (id: string) => void;
  onGo: (letter: Letter, address: string) => void;
}

function Body({ sides, root, show, onShow, onGo }: BodyProps) {
  const { a, b } = sides;
  if (a.shown?.opened && b.shown?.opened) {
    return <CompareView sides={{ a: { ...a, opened: a.shown.opened }, b: { ...b, opened: b.shown.opened } }} {...{ root, show, onShow }} />;
  }
  if (LETTERS.some((letter) => sides[letter].side.state === "failed")) return null;
  if (LETTERS.some((letter) => sides[letter].shown === null)) {
    return (
      <div class="two waits">
        <div class="skeleton" />
        <div class="skeleton" />
      </div>
    );
  }
  const given = LETTERS.find((letter) => sides[letter].shown?.opened);
  const opened = given && sides[given].shown?.opened;
  if (!given || !opened) return <p>Which latents? Type the address of one on either side, as mlp_post.2/17.</p>;
  return <CompareSuggestions {...{ opened, root }} onGo={(address) => onGo(given === "a" ? "b" : "a", address)} />;
}

/** One side: while the next latent loads, the last one stays; one that failed leaves nothing. */
function useSide({ atlas, root }: SiteConfig, query: URLSearchParams, letter: Letter): SideState {
  const at = query.get(letter) ?? "";
  const other = query.get(`atlas_${letter}`);
  const base = other ?? atlas;
  const side: Loadable<Side> = useLoadable(`${base} ${at}`, (signal) => openSide(base, at, signal));
  const last = useRef<Side | null>(null);
  if (side.state !== "loading") last.current = side.state === "ready" ? side.value : null;
  return { at, side, shown: last.current, href: other === null ? latentHref(root, at) : null };
}
