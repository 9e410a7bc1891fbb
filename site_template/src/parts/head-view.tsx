import type { OpenedHead } from "../state/opened-head.ts";
import { Circuit } from "./circuit.tsx";
import { EmbedFoot } from "./embed-foot.tsx";
import { HeadHead } from "./head-head.tsx";
import { HeadWindows } from "./head-windows.tsx";
import { LargestAttention } from "./largest-attention.tsx";
import { Looks } from "./looks.tsx";
import { Offsets } from "./offsets.tsx";
import { Pane, Whole } from "./pane.tsx";
import { Scores } from "./scores.tsx";
import { Slow } from "./slow.tsx";

interface Props extends OpenedHead {
  /** The head that was asked for; while busy, another one than is shown. */
  at: string;
  busy: boolean;
  root: string;
  show: string;
  example: number;
  onShow: (id: string) => void;
  onExample: (n: number) => void;
  onGo: (address: string) => void;
}

/** Everything about one head. */
export function HeadView({ at, busy, atlas, heads, vocabulary, head, root, show, example, onShow, onExample, onGo }: Props) {
  const address = `${heads.record.id}/${head.index}`;
  return (
    <article class={busy ? "latent head waning" : "latent head"} aria-busy={busy} data-ready={address}>
      {busy && <Slow />}
      <Whole>
        <HeadHead {...{ at, heads, head, root, onGo }} />
      </Whole>
      <div class="panes">
        <div class="column">
          <Pane name="Where it looks" id="examples">
            <HeadWindows key={address} {...{ atlas, heads, head, vocabulary, root, show, example, onShow, onExample }} />
          </Pane>
          <Pane name="What it writes, by weights (OV)" id="ov">
            <Circuit head={head} vocabulary={vocabulary} kind="ov" />
          </Pane>
          <Pane name="What it looks for, by weights (QK)" id="qk">
            <Circuit head={head} vocabulary={vocabulary} kind="qk" rotary={heads.record.rotary} />
          </Pane>
        </div>
        <div class="column">
          <Pane name="Scores" id="scores">
            <Scores {...{ head, root, counted: atlas.manifest.windowing.counted_tokens }} />
          </Pane>
          <Pane name="By distance" id="offsets">
            <Offsets head={head} />
          </Pane>
          <Pane name="Looks at" id="looks-at">
            <Looks head={head} side="key" vocabulary={vocabulary} />
          </Pane>
          <Pane name="Looks from" id="looks-from">
            <Looks head={head} side="query" vocabulary={vocabulary} />
          </Pane>
          <Pane name="Largest attention of a query" id="largest">
            <LargestAttention head={head} />
          </Pane>
        </div>
      </div>
      <EmbedFoot address={address} title={atlas.manifest.title} />
    </article>
  );
}
