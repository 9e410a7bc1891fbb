/** What two dictionaries are to each other, as `atlas compare` found it. */
import { Group } from "./group.ts";

export type SideName = "a" | "b";

/** A dictionary of a comparison; `atlas` is where its atlas is from the site's root: "" for the site's own, null if nowhere. */
export interface ComparedSide {
  id: string;
  n: number;
  atlas: string | null;
}

/** What the builder wrote into the page. */
export interface ComparisonConfig {
  a: ComparedSide;
  b: ComparedSide;
  store: string;
  threshold: number;
  correlated: boolean;
}

/** The columns of one side; each speaks of that side's latents. */
export interface Columns {
  kind: Uint8Array;
  nearest: Uint32Array;
  cosine: Float32Array;
  correlation: Float32Array;
  correlated: Uint32Array;
  highest: Float32Array;
}

export function readComparison(): ComparisonConfig {
  const element = document.getElementById("comparison");
  if (element === null) throw new Error("the page has no comparison");
  return JSON.parse(element.textContent ?? "") as ComparisonConfig;
}

export async function openComparison(store: string): Promise<Record<SideName, Columns>> {
  const group = await Group.open(store);
  const [a, b] = await Promise.all([columns(group, "a"), columns(group, "b")]);
  return { a, b };
}

async function columns(group: Group, side: SideName): Promise<Columns> {
  const [kind, nearest, cosine, correlation, correlated, highest] = await Promise.all([
    group.chunk(`${side}/kind`, 0),
    group.chunk(`${side}/nearest`, 0),
    group.chunk(`${side}/cosine`, 0),
    group.chunk(`${side}/correlation`, 0),
    group.chunk(`${side}/correlated`, 0),
    group.chunk(`${side}/highest`, 0),
  ]);
  return { kind, nearest, cosine, correlation, correlated, highest };
}
