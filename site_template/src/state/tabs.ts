/** The sections of a latent's examples, as tabs. */
import { count, number, percent } from "../draw/format.ts";
import type { Dictionary, Latent } from "../store/dictionary.ts";
import { N_BANDS, PER_BAND } from "../store/schema.gen.ts";

export interface Tab {
  id: string;
  name: string;
  /** A second line: of a band, its share of all firings. */
  share: string;
  rows: number[];
  says: string;
  /** Activations that the tab covers, where it is a band. */
  range: [number, number] | null;
}

/** Top, the bands from strong to weak, random, and lowest for units with two signs. */
export function tabsOf(latent: Latent, dictionary: Dictionary): Tab[] {
  const { top, bottom, random } = dictionary.sections;
  const firings = latent.ints.firings[0] ?? 0;
  const tab = (id: string, name: string, rows: [number, number], says: string): Tab => {
    return { id, name, share: "", rows: filled(latent, ...rows), says, range: null };
  };
  const tabs = [
    tab("top", "top", top, "The highest activations, one example a window."),
    ...bands(latent, dictionary, firings),
    tab("random", "random", random, `Drawn uniformly from all ${count(firings)} firings.`),
  ];
  const lowest = tab("lowest", "lowest", bottom, "The lowest activations, one example a window.");
  return dictionary.record.two_signed ? [...tabs, lowest] : tabs;
}

function bands(latent: Latent, dictionary: Dictionary, firings: number): Tab[] {
  const tabs: Tab[] = [];
  for (let band = 0; band < N_BANDS; band++) {
    const n = latent.ints.band_firings[band] ?? 0;
    if (n === 0) continue;
    const low = latent.floats.band_low[band] ?? 0;
    const high = latent.floats.band_high[band] ?? 0;
    const start = dictionary.sections.bands[0] + band * PER_BAND;
    const share = percent(n / firings);
    tabs.push({
      id: `band${band + 1}`,
      name: `${number(low)} – ${number(high)}`,
      share,
      rows: filled(latent, start, start + PER_BAND),
      says: `Drawn uniformly from the ${count(n)} firings of activation ${number(low)} to ${number(high)}, ${share} of all.`,
      range: [low, high],
    });
  }
  return tabs;
}

function filled(latent: Latent, from: number, to: number): number[] {
  const rows = Array.from({ length: to - from }, (_, i) => from + i);
  return rows.filter((row) => (latent.ints.example_length[row] ?? 0) > 0);
}

/** The end of a tab's heat scale: the latent's maximum, or on its lowest examples the largest magnitude there. */
export function fullHeat(latent: Latent, tab: string): number {
  const max = latent.floats.max[0] ?? 0;
  return tab === "lowest" || max <= 0 ? Math.abs(latent.floats.min[0] ?? 0) : max;
}
