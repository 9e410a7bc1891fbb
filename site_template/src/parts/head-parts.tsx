import { number } from "../draw/format.ts";
import { headHref } from "../state/url.ts";
import type { Atlas } from "../store/atlas.ts";

interface Props {
  /** By head its mean part in the latent's activation. */
  parts: Float32Array;
  /** The group of the layer's heads, as `attn.3`. */
  heads: string;
  atlas: Atlas;
  root: string;
}

/** Which heads write a latent of an attention output, the largest part first. */
export function HeadParts({ parts, heads, atlas, root }: Props) {
  const scale = Math.max(...parts.map(Math.abs)) || 1;
  const shown = (atlas.manifest.heads ?? []).some(({ id }) => id === heads);
  const rows = Array.from(parts, (part, head) => ({ part, address: `${heads}/${head}` }));
  rows.sort((a, b) => b.part - a.part);
  return (
    <>
      <ol class="ranking">
        {rows.map(({ part, address }) => (
          <li key={address}>
            {shown ? <a href={headHref(root, address)}>{address}</a> : <span>{address}</span>}
            <span class={part < 0 ? "track below" : "track"} style={{ "--width": (Math.abs(part) / scale).toFixed(3) }} />
            <span class="value">{number(part)}</span>
          </li>
        ))}
      </ol>
      <p class="quiet">what each head adds to it before its bias and threshold, mean over its firings</p>
    </>
  );
}
