import { useState } from "preact/hooks";
import { Choice } from "../parts/choice.tsx";
import { Failed } from "../parts/failed.tsx";
import { Help } from "../parts/help.tsx";
import { Labels } from "../parts/labels.tsx";
import { Scale } from "../parts/scale.tsx";
import { Skeleton } from "../parts/skeleton.tsx";
import { AtlasError } from "../store/errors.ts";

const COLOURS = ["ground", "ink", "accent", "quiet", "hairline", "faint", "raised", "hover", "drawn", "heat-hue", "below-hue", "map-hue"];
const STEPS = [0, 0.14, 0.28, 0.42, 0.57, 0.71, 0.85, 1];
const SIZES = ["tiny", "small", "text", "title"];
const LABEL = { text: "unit after a number", source: "a person", score: 0.9 };
const FAULT = new AtlasError("the atlas can’t be read: the host answered 503", "Try again in a minute; on this machine: atlas serve SITE");

/** What needs no atlas: colours, type, controls, and what stands in for something that is not there. */
export function PatternsPage() {
  const [chosen, choose] = useState("first");
  return (
    <div class="pattern-parts">
      <section>
        <h2>Colours</h2>
        <ul class="swatches">
          {COLOURS.map((name) => (
            <li key={name}>
              <span class="swatch" style={{ "--swatch": `var(--${name})` }} />
              {name}
            </li>
          ))}
        </ul>
      </section>
      <section>
        <h2>Heat</h2>
        <p class="strip">
          {STEPS.map((heat) => (
            <span key={heat} class="cell" style={{ "--heat": String(heat) }}>
              {" "}
              heat {heat}
            </span>
          ))}
        </p>
        <p class="strip">
          {STEPS.map((heat) => (
            <span key={heat} class="cell below" style={{ "--heat": String(heat) }}>
              {" "}
              below −{heat}
            </span>
          ))}
          <span class="cell peak"> peak</span>
          <span class="cell faint">⏎⇥␣</span>
        </p>
        <Scale full={9.4} twoSigned={false} />
        <Scale full={9.4} twoSigned={true} />
        <Scale full={null} twoSigned={false} />
      </section>
      <section>
        <h2>Type</h2>
        {SIZES.map((size) => (
          <p key={size} style={{ "font-size": `var(--${size})` }}>
            {size}: A <b>latent</b> of <span class="token">␣resid</span> at <span class="value">−0.831</span>, <span class="quiet">quiet</span>, <a href="#app">a link</a>
          </p>
        ))}
      </section>
      <section>
        <h2>Controls</h2>
        <div class="controls">
          <button type="button">button</button>
          <button type="button" aria-pressed="true">
            pressed
          </button>
          <button type="button" disabled>
            disabled
          </button>
          <Choice name="choice" options={CHOICES} value={chosen} onChange={choose} />
          <input type="text" aria-label="a field" placeholder="a field" />
          <input type="text" aria-label="a field with a wrong value" aria-invalid="true" value="a wrong value" />
          <Help keys={[["?", "what a key does"]]} />
        </div>
      </section>
      <section>
        <h2>Labels: none, one, many</h2>
        <Labels labels={[]} />
        <Labels labels={[LABEL]} />
        <Labels labels={Array.from({ length: 5 }, (_, i) => ({ ...LABEL, score: i === 4 ? null : LABEL.score - i / 10 }))} />
      </section>
      <section>
        <h2>Not there</h2>
        <p class="notice">Too rare to judge: it fired 3 times on 997,980 counted tokens. Here is all there is.</p>
        <p class="quiet empty">No example: it has no such firings.</p>
        <Failed error={FAULT} retry={() => undefined} />
        <Skeleton at="resid_post.2/417" />
      </section>
    </div>
  );
}

const CHOICES = [
  ["first", "first"],
  ["second", "second"],
  ["third", "third"],
] as const;
