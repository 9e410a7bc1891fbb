import { useMemo } from "preact/hooks";
import { count } from "../draw/format.ts";
import type { Opened } from "../state/opened.ts";
import { type Tab, tabsOf } from "../state/tabs.ts";
import { Effects } from "./effects.tsx";
import { EmbedFoot } from "./embed-foot.tsx";
import { Examples } from "./examples.tsx";
import { FiresOn } from "./fires-on.tsx";
import { Histogram } from "./histogram.tsx";
import { LatentHead } from "./latent-head.tsx";
import { Pane, Whole } from "./pane.tsx";
import { Related } from "./related.tsx";
import { Slow } from "./slow.tsx";
import { Statistics } from "./statistics.tsx";
import { Terms } from "./terms.tsx";

/** Firings below which examples say little: the page then says so. */
const FEW = 20;

interface Props extends Opened {
  /** The latent that was asked for; while busy, another one than is shown. */
  at: string;
  busy: boolean;
  root: string;
  show: string;
  onShow: (id: string) => void;
  /** The tab of Related that was asked for; null if none was. */
  related: string | null;
  onRelated: (id: string) => void;
  onGo: (address: string) => void;
}

/** Everything about one latent. While the next one is on its way, the panes are not drawn anew. */
export function LatentView(props: Props) {
  const { at, busy, atlas, dictionary, vocabulary, latent, root, show, related, onGo } = props;
  const { id } = dictionary.record;
  const panes = useMemo(() => <Panes {...props} />, [latent, show, related]);
  return (
    <article class={busy ? "latent waning" : "latent"} aria-busy={busy} data-ready={`${id}/${latent.index}`}>
      {busy && <Slow />}
      <Whole>
        <LatentHead {...{ at, dictionary, latent, vocabulary, root, onGo }} />
      </Whole>
      <Notice firings={latent.ints.firings[0] ?? 0} counted={atlas.manifest.windowing.counted_tokens} />
      {panes}
      <EmbedFoot address={`${id}/${latent.index}`} title={atlas.manifest.title} />
    </article>
  );
}

function Panes({ atlas, dictionary, vocabulary, latent, root, show, onShow, related, onRelated, onGo }: Props) {
  const counted = atlas.manifest.windowing.counted_tokens;
  const tabs = tabsOf(latent, dictionary);
  const current = tabs.find((tab) => tab.id === show) ?? (tabs[0] as Tab);
  return (
    <div class="panes">
      <div class="column">
        <Pane name="Examples" id="examples">
          <Examples key={latent.index} {...{ latent, dictionary, atlas, vocabulary, tabs, current, root, onShow }} />
          <Terms atlas={atlas} root={root} />
        </Pane>
        <Pane name="Effect on the output" id="effects">
          <Effects latent={latent} vocabulary={vocabulary} writes={dictionary.writes} root={root} />
        </Pane>
        <Pane name="Related" id="related">
          <Related {...{ latent, dictionary, atlas, vocabulary, root, related, onRelated, onGo }} />
        </Pane>
      </div>
      <div class="column">
        <Pane name="Activations" id="activations">
          <Histogram {...{ latent, tabs, current, onShow }} />
        </Pane>
        <Pane name="Fires on" id="fires-on">
          <FiresOn latent={latent} vocabulary={vocabulary} root={root} />
        </Pane>
        <Pane name="Statistics" id="statistics">
          <Statistics {...{ latent, counted, root }} />
        </Pane>
      </div>
    </div>
  );
}

/** Says in words that a latent is dead or too rare to judge. */
function Notice({ firings, counted }: { firings: number; counted: number }) {
  if (firings >= FEW) return null;
  return (
    <p class="notice">
      {firings === 0
        ? `Dead: it fired on none of the ${count(counted)} counted tokens. What it would write can still be seen.`
        : `Too rare to judge: it fired ${count(firings)} times on ${count(counted)} counted tokens. Here is all there is.`}
    </p>
  );
}
