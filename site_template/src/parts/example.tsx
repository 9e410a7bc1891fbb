import { useState } from "preact/hooks";
import { count, number } from "../draw/format.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Latent } from "../store/dictionary.ts";
import { EXCERPT } from "../store/schema.gen.ts";
import { Ablation } from "./ablation.tsx";
import { type Excerpt, type Pointed, Strip } from "./strip.tsx";

interface Props {
  row: number;
  latent: Latent;
  atlas: Atlas;
  vocabulary: Vocabulary;
  full: number;
  onPoint: (pointed: Pointed | null) => void;
}

/** One example: its activation, its excerpt, and where it is. A click opens the whole excerpt. */
export function Example({ row, latent, atlas, vocabulary, full, onPoint }: Props) {
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("…");
  const document = latent.ints.example_document[row] ?? 0;
  const position = latent.ints.example_position[row] ?? 0;
  const show = (wanted: boolean) => {
    setOpen(wanted);
    onPoint(null);
    atlas.documentId(document).then(setName, () => setName("its name can’t be read"));
  };
  return (
    <li class={open ? "example is-open" : "example"}>
      <button type="button" class="value" aria-expanded={open} onClick={() => show(!open)} title={open ? "show one line" : "show the whole excerpt"}>
        {number(latent.floats.example_activation[row] ?? 0)}
      </button>
      <div class="excerpt" onClick={open ? undefined : () => show(true)}>
        <Strip excerpt={excerptOf(latent, row)} {...{ full, open, vocabulary, onPoint }} />
      </div>
      <p class="where">
        {open && <span class="document">{name}</span>}
        <span title={`document ${count(document)}, token ${count(position)} of it`}>
          {open && "document "}
          {count(document)} · {count(position)}
        </span>
      </p>
      <Ablation {...{ row, latent, vocabulary }} />
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
