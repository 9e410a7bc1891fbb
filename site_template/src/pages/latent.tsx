import { useEffect } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { count, number, percent, quoted } from "../draw/format.ts";
import { Effects } from "../parts/effects.tsx";
import { Examples } from "../parts/examples.tsx";
import { Failed } from "../parts/failed.tsx";
import { FiresOn } from "../parts/fires-on.tsx";
import { Histogram } from "../parts/histogram.tsx";
import { Jump } from "../parts/jump.tsx";
import { Neighbours } from "../parts/neighbours.tsx";
import { Statistics } from "../parts/statistics.tsx";
import { type Address, formatAddress, parseAddress } from "../state/address.ts";
import { useKeys } from "../state/keys.ts";
import { useLoadable } from "../state/loadable.ts";
import { dictionaryHref, latentHref, useQuery } from "../state/url.ts";
import { Atlas, type Dictionary, type Latent, type Vocabulary } from "../store/atlas.ts";
import { AtlasError } from "../store/errors.ts";

interface Loaded {
  atlas: Atlas;
  dictionary: Dictionary;
  vocabulary: Vocabulary;
  latent: Latent;
}

/** Firings below which examples say little: the page then says so. */
const FEW = 20;

let opened: Promise<Atlas> | undefined;

async function load(base: string, at: string, signal: AbortSignal): Promise<Loaded> {
  const address = parseAddress(at);
  if (address === null) {
    throw new AtlasError(at === "" ? "no latent was asked for" : `“${at}” is no address`, "An address is <dictionary>/<index>, as in mlp_post.2/17");
  }
  opened ??= Atlas.open(base);
  opened.catch(() => (opened = undefined));
  const atlas = await opened;
  const dictionary = await atlas.dictionary(address.dictionary);
  const [vocabulary, latent] = await Promise.all([atlas.vocabulary(), dictionary.latent(address.index, signal)]);
  return { atlas, dictionary, vocabulary, latent };
}

export function LatentPage({ config }: { config: SiteConfig }) {
  const [query, change] = useQuery();
  const at = query.get("at") ?? "";
  const loaded = useLoadable(at, (signal) => load(config.atlas, at, signal));
  const go = (address: string) => {
    change({ at: address, show: null });
    scrollTo(0, 0);
  };
  useEffect(() => {
    if (loaded.state === "loading") document.title = at;
    if (loaded.state === "failed") document.title = `${at} can’t be shown`;
    if (loaded.state === "ready") document.title = titleOf(at, loaded.value);
  }, [at, loaded.state]);
  if (loaded.state === "failed") {
    return (
      <>
        <Jump at={at} onGo={go} />
        <Failed error={loaded.error} retry={loaded.retry} />
      </>
    );
  }
  if (loaded.state === "loading") return <Skeleton at={at} onGo={go} />;
  return <Shown {...loaded.value} config={config} show={query.get("show") ?? "top"} onShow={(id) => change({ show: id === "top" ? null : id }, "replace")} onGo={go} />;
}

interface ShownProps extends Loaded {
  config: SiteConfig;
  show: string;
  onShow: (id: string) => void;
  onGo: (address: string) => void;
}

function Shown({ atlas, dictionary, vocabulary, latent, config, show, onShow, onGo }: ShownProps) {
  const { id, n_latents: n } = dictionary.record;
  const address = formatAddress({ dictionary: id, index: latent.index });
  const firings = latent.ints.firings[0] ?? 0;
  const to = (index: number): Address => ({ dictionary: id, index: (index + n) % n });
  const random = () => onGo(formatAddress(to(Math.floor(Math.random() * n))));
  useKeys({
    ArrowLeft: () => onGo(formatAddress(to(latent.index - 1))),
    ArrowRight: () => onGo(formatAddress(to(latent.index + 1))),
    r: random,
    "/": () => document.getElementById("jump")?.focus(),
  });
  const follow = (event: MouseEvent, target: string) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    onGo(target);
  };
  const step = (name: string, label: string, index: number) => {
    const target = formatAddress(to(index));
    return (
      <a class="step" href={latentHref(config.root, target)} aria-label={label} title={label} onClick={(event) => follow(event, target)}>
        {name}
      </a>
    );
  };
  return (
    <article class="latent" data-ready={address}>
      <header class="latent-head">
        <Jump at={address} onGo={onGo} />
        <nav aria-label="latents">
          {step("‹", "previous latent (left arrow)", latent.index - 1)}
          <button type="button" onClick={random} title="random latent (r)">
            random
          </button>
          {step("›", "next latent (right arrow)", latent.index + 1)}
        </nav>
        <h1>
          <a href={dictionaryHref(config.root, id)}>{id}</a>
          <span class="slash">/</span>
          {latent.index}
        </h1>
        <ul class="figures">
          <li>
            <b>{percent(latent.floats.density[0] ?? 0)}</b> density
          </li>
          <li>
            <b>{count(firings)}</b> firings
          </li>
          <li>
            <b>{number(latent.floats.max[0] ?? 0)}</b> max
          </li>
          <li>
            <b>{number(latent.floats.mean_firing[0] ?? 0)}</b> mean when firing
          </li>
        </ul>
      </header>
      {firings < FEW && <Rare firings={firings} counted={atlas.manifest.windowing.counted_tokens} />}
      <div class="panes">
        <section class="pane wide" aria-labelledby="h-examples">
          <h2 id="h-examples">Examples</h2>
          <Examples key={address} {...{ latent, dictionary, atlas, vocabulary, onShow }} shown={show} />
        </section>
        <div class="side">
          <section class="pane">
            <h2>Activations</h2>
            <Histogram latent={latent} />
          </section>
          <section class="pane">
            <h2>Fires on</h2>
            <FiresOn latent={latent} vocabulary={vocabulary} />
          </section>
          <section class="pane">
            <h2>Effect on the logits</h2>
            <Effects latent={latent} vocabulary={vocabulary} writes={dictionary.writes} />
          </section>
          <section class="pane">
            <h2>Nearest by write direction</h2>
            <Neighbours latent={latent} dictionary={id} root={config.root} onFollow={follow} />
          </section>
          <section class="pane">
            <h2>Statistics</h2>
            <Statistics latent={latent} counted={atlas.manifest.windowing.counted_tokens} />
          </section>
        </div>
      </div>
    </article>
  );
}

function Rare({ firings, counted }: { firings: number; counted: number }) {
  if (firings === 0) {
    return <p class="notice">Dead: it fired on none of the {count(counted)} counted tokens, so there is nothing to see but what it would write.</p>;
  }
  return <p class="notice">Rare: it fired only {count(firings)} times in {count(counted)} counted tokens. Read what follows with that in mind.</p>;
}

function Skeleton({ at, onGo }: { at: string; onGo: (address: string) => void }) {
  return (
    <article class="latent" aria-busy="true">
      <header class="latent-head">
        <Jump at={at} onGo={onGo} />
        <h1>{at}</h1>
        <p class="quiet">loading…</p>
      </header>
      <div class="panes">
        <section class="pane wide skeleton" />
        <div class="side">
          <section class="pane skeleton" />
          <section class="pane skeleton" />
        </div>
      </div>
    </article>
  );
}

/** The address and the token that the latent fires on most. */
function titleOf(at: string, { latent, vocabulary, atlas }: Loaded): string {
  const type = (latent.ints.fires_on_count[0] ?? 0) > 0 ? latent.ints.fires_on_token[0] : undefined;
  const token = type === undefined ? "" : ` “${quoted(vocabulary.text[type] ?? "", vocabulary.kind[type] ?? 0)}”`;
  return `${at}${token} · ${atlas.manifest.title}`;
}
