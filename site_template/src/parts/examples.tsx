import { useState } from "preact/hooks";
import { count, number, percent } from "../draw/format.ts";
import type { Atlas, Dictionary, Latent, Vocabulary } from "../store/atlas.ts";
import { EXCERPT, N_BANDS, PER_BAND } from "../store/schema.gen.ts";
import { Strip } from "./strip.tsx";

interface Tab {
  id: string;
  name: string;
  rows: number[];
  says: string;
}

interface Props {
  latent: Latent;
  dictionary: Dictionary;
  atlas: Atlas;
  vocabulary: Vocabulary;
  shown: string;
  onShow: (id: string) => void;
}

/** Examples by section: top, the bands with their share of all firings, random, and lowest. */
export function Examples({ latent, dictionary, atlas, vocabulary, shown, onShow }: Props) {
  const [readout, setReadout] = useState("");
  const tabs = tabsOf(latent, dictionary);
  const current = tabs.find((tab) => tab.id === shown) ?? tabs[0];
  if (current === undefined) return null;
  const full = Math.max(latent.floats.max[0] ?? 0, 0) || Math.abs(latent.floats.min[0] ?? 0);
  const walk = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = tabs[(tabs.indexOf(current) + step + tabs.length) % tabs.length];
    if (step === 0 || next === undefined) return;
    event.preventDefault();
    onShow(next.id);
    document.getElementById(`tab-${next.id}`)?.focus();
  };
  return (
    <>
      <div class="tabs" role="tablist" aria-label="examples" onKeyDown={walk}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            id={`tab-${tab.id}`}
            type="button"
            role="tab"
            aria-selected={tab === current}
            aria-controls="examples"
            tabIndex={tab === current ? 0 : -1}
            onClick={() => onShow(tab.id)}
          >
            {tab.name}
          </button>
        ))}
      </div>
      <p class="quiet says">{current.says}</p>
      <div id="examples" role="tabpanel" aria-labelledby={`tab-${current.id}`}>
        <ol class="examples">
          {current.rows.map((row) => (
            <ExampleRow key={row} {...{ row, latent, atlas, vocabulary, full }} onReadout={setReadout} />
          ))}
        </ol>
        {current.rows.length === 0 && <p class="quiet empty">No example: there are no firings here.</p>}
      </div>
      <p class="readout" aria-live="polite">
        {readout || `heat: 0 to ${number(full)}, the latent’s ${(latent.floats.max[0] ?? 0) > 0 ? "maximum" : "largest magnitude"}${dictionary.record.two_signed ? "; blue below 0" : ""}`}
      </p>
    </>
  );
}

interface RowProps {
  row: number;
  latent: Latent;
  atlas: Atlas;
  vocabulary: Vocabulary;
  full: number;
  onReadout: (text: string) => void;
}

function ExampleRow({ row, latent, atlas, vocabulary, full, onReadout }: RowProps) {
  const [open, setOpen] = useState(false);
  const [name, setName] = useState<string | null>(null);
  const { example_length, example_peak, example_document, example_position } = latent.ints;
  const length = example_length[row] ?? 0;
  const peak = example_peak[row] ?? 0;
  const document = example_document[row] ?? 0;
  const position = example_position[row] ?? 0;
  const scale = latent.floats.example_scale[row] ?? 0;
  const at = row * EXCERPT;
  const tokens = Array.from({ length }, (_, i) => ({ type: latent.tokens[at + i] ?? 0, activation: (latent.acts[at + i] ?? 0) * scale }));
  const toggle = () => {
    setOpen(!open);
    if (name === null) atlas.documentId(document).then(setName, () => setName("name can’t be read"));
  };
  return (
    <li>
      <button type="button" class="more" aria-expanded={open} onClick={toggle} title="show the whole excerpt">
        {number(latent.floats.example_activation[row] ?? 0)}
      </button>
      <div>
        <Strip {...{ tokens, peak, full, open, vocabulary, onReadout }} position={position - peak} />
        {open && (
          <p class="where">
            {name ?? "…"} · document {count(document)} · position {count(position)}
          </p>
        )}
      </div>
    </li>
  );
}

function tabsOf(latent: Latent, dictionary: Dictionary): Tab[] {
  const rows = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => from + i).filter((row) => (latent.ints.example_length[row] ?? 0) > 0);
  const { top, bottom, bands, random } = dictionary.sections;
  const firings = latent.ints.firings[0] ?? 0;
  const found: Tab[] = [{ id: "top", name: "top", rows: rows(...top), says: "highest activation, one example a window" }];
  for (let band = 0; band < N_BANDS; band++) {
    const n = latent.ints.band_firings[band] ?? 0;
    if (n === 0) continue;
    const low = number(latent.floats.band_low[band] ?? 0);
    const high = number(latent.floats.band_high[band] ?? 0);
    const start = bands[0] + band * PER_BAND;
    found.push({
      id: `band${band + 1}`,
      name: `${low}–${high}`,
      rows: rows(start, start + PER_BAND),
      says: `drawn uniformly from the ${count(n)} firings of activation ${low} to ${high}: ${percent(n / firings)} of all its firings`,
    });
  }
  found.push({ id: "random", name: "random", rows: rows(...random), says: `drawn uniformly from all ${count(firings)} firings` });
  if (dictionary.record.two_signed) {
    found.push({ id: "lowest", name: "lowest", rows: rows(...bottom), says: "lowest activation, one example a window" });
  }
  return found;
}
