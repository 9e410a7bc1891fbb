import type { Vocabulary } from "../store/atlas.ts";

/** A column of the list: a statistic of the store, by its name there. */
export interface Column {
  id: "firings" | "density" | "max" | "mean_firing" | "concentration" | "skew";
  name: string;
  share: boolean;
  /** Drawn as a small histogram above the list, on this scale. */
  spread?: "log" | "linear";
}

export const COLUMNS: readonly Column[] = [
  { id: "density", name: "density", share: true, spread: "log" },
  { id: "max", name: "max", share: false, spread: "log" },
  { id: "mean_firing", name: "mean firing", share: false },
  { id: "concentration", name: "concentration", share: true, spread: "linear" },
  { id: "skew", name: "skew", share: false },
  { id: "firings", name: "firings", share: false },
];

export type Columns = Record<Column["id"] | "top_token", Float32Array | Uint32Array>;

/** What the list shows, in which order. It lives in the URL. */
export interface Choice {
  sort: Column["id"] | "index";
  descending: boolean;
  /** Text that the top token contains. */
  token: string;
  /** Bounds of the density, in percent. */
  from: number | null;
  to: number | null;
  dead: boolean;
}

export function readChoice(query: URLSearchParams): Choice {
  const sort = query.get("sort") ?? "concentration";
  const bound = (name: string) => {
    const text = query.get(name);
    return text === null || !Number.isFinite(Number(text)) ? null : Number(text);
  };
  return {
    sort: COLUMNS.find((column) => column.id === sort)?.id ?? (sort === "index" ? "index" : "concentration"),
    descending: query.get("order") !== "up",
    token: query.get("token") ?? "",
    from: bound("from"),
    to: bound("to"),
    dead: query.get("dead") === "1",
  };
}

export function writeChoice(choice: Choice): Record<string, string | null> {
  return {
    sort: choice.sort === "concentration" ? null : choice.sort,
    order: choice.descending ? null : "up",
    token: choice.token === "" ? null : choice.token,
    from: choice.from === null ? null : String(choice.from),
    to: choice.to === null ? null : String(choice.to),
    dead: choice.dead ? "1" : null,
  };
}

/** Indexes of the latents to show, in order; ties keep the order of the dictionary. */
export function choose(columns: Columns, vocabulary: Vocabulary, choice: Choice): Uint32Array {
  const { density, top_token: top } = columns;
  const types = choice.token === "" ? null : matching(vocabulary, choice.token);
  const low = (choice.from ?? Number.NEGATIVE_INFINITY) / 100;
  const high = (choice.to ?? Number.POSITIVE_INFINITY) / 100;
  const kept = new Uint32Array(density.length);
  let n = 0;
  for (let i = 0; i < density.length; i++) {
    const share = density[i] ?? 0;
    if (share < low || share > high || (!choice.dead && share === 0)) continue;
    if (types !== null && types[top[i] ?? 0] !== 1) continue;
    kept[n++] = i;
  }
  return ordered(kept.slice(0, n), choice.sort === "index" ? null : columns[choice.sort], choice.descending);
}

function ordered(rows: Uint32Array, values: Float32Array | Uint32Array | null, descending: boolean): Uint32Array {
  const sign = descending ? -1 : 1;
  if (values === null) return descending ? rows.reverse() : rows;
  return rows.sort((a, b) => sign * ((values[a] ?? 0) - (values[b] ?? 0)) || a - b);
}

/** Marks the token types whose text contains `part`, whatever the case. */
function matching(vocabulary: Vocabulary, part: string): Uint8Array {
  const wanted = part.toLowerCase();
  return Uint8Array.from(vocabulary.text, (text) => (text.toLowerCase().includes(wanted) ? 1 : 0));
}
