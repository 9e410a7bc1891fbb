import { useState } from "preact/hooks";
import { number } from "../draw/format.ts";
import { useWindow } from "../state/whole-window.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Latent } from "../store/dictionary.ts";
import { EXCERPT } from "../store/schema.gen.ts";
import { Ablation } from "./ablation.tsx";
import { type Excerpt, type Pointed, Strip } from "./strip.tsx";
import { Where } from "./where.tsx";

export interface ExampleProps {
  latent: Latent;
  atlas: Atlas;
  vocabulary: Vocabulary;
  /** Activation of full heat; null if each example has its own. */
  full: number | null;
  root: string;
  onPoint: (pointed: Pointed | null) => void;
}

/** One example: its activation, its excerpt, and where it is. A click opens the whole excerpt. */
export function Example({ row, latent, atlas, vocabulary, full, root, onPoint }: ExampleProps & { row: number }) {
  const [open, setOpen] = useState(false);
  const excerpt = excerptOf(latent, row);
  const activation = latent.floats.example_activation[row] ?? 0;
  const document = latent.ints.example_document[row] ?? 0;
  const window = useWindow(atlas, document, excerpt);
  const show = (wanted: boolean) => {
    setOpen(wanted);
    onPoint(null);
  };
  return (
    <li class={open ? "example is-open" : "example"}>
      <button type="button" class="value" aria-expanded={open} onClick={() => show(!open)} title={open ? "show one line" : "show the whole excerpt"}>
        {number(activation)}
      </button>
      <div class="excerpt" onClick={open ? undefined : () => show(true)}>
        <Strip {...{ excerpt, open, vocabulary, onPoint }} full={full ?? Math.abs(activation)} around={window.around} />
      </div>
      <Where {...{ atlas, document, open, window }} position={excerpt.position + excerpt.peak} />
      <Ablation {...{ row, latent, vocabulary, root }} />
    </li>
  );
}

function excerptOf(latent: Latent, row: number): Excerpt {
  const length = latent.ints.example_length[row] ?? 0;
  const peak = latent.ints.example_peak[row] ?? 0;
  const scale = latent.floats.example_scale[row] ?? 0;
  const at = row * EXCERPT;
  return {
    types: Array.from(latent.tokens.subarray(at, at + length)),
    activations: Array.from(latent.acts.subarray(at, at + length), (step) => step * scale),
    peak,
    position: (latent.ints.example_position[row] ?? 0) - peak,
  };
}
