/** What the head finder draws: every head with its scores, read from the table that the builder wrote. */

export interface Metric {
  id: string;
  name: string;
  /** What it is, in a sentence. */
  doc: string;
}

export interface HeadPoint {
  address: string;
  href: string;
  layer: number;
  /** By metric, in the table's order. */
  values: readonly number[];
  row: HTMLTableRowElement;
}

export interface Found {
  metrics: readonly Metric[];
  heads: readonly HeadPoint[];
  layers: readonly number[];
}

export function readTable(table: HTMLTableElement): Found {
  const columns = [...(table.tHead?.rows[0]?.cells ?? [])].slice(1);
  const metrics = columns.map((cell) => {
    const link = cell.querySelector("a");
    return { id: cell.dataset["id"] ?? "", name: link?.textContent ?? "", doc: link?.title ?? "" };
  });
  const rows = [...(table.tBodies[0]?.rows ?? [])].sort((a, b) => numberOf(a.cells[0]) - numberOf(b.cells[0]));
  const heads = rows.map((row) => {
    const link = row.querySelector("a");
    const values = [...row.cells].slice(1).map(numberOf);
    return { address: link?.textContent ?? "", href: link?.href ?? "", layer: Number(row.dataset["layer"]), values, row };
  });
  return { metrics, heads, layers: [...new Set(heads.map(({ layer }) => layer))] };
}

function numberOf(cell: HTMLTableCellElement | undefined): number {
  return Number(cell?.dataset["value"]);
}

/** An axis: where a value lies between 0 and 1, and the values that are marked on it. */
export interface Axis {
  at: (value: number) => number;
  ticks: readonly number[];
  /** Values too small for a logarithm, which lie at its beginning. */
  below: number;
}

/** A logarithm needs values that are not below 0, and some above. */
export function canBeLog(values: readonly number[]): boolean {
  return values.every((value) => value >= 0) && values.some((value) => value > 0);
}

/** Powers of ten that a logarithmic axis spans at most: what is smaller lies at its beginning. */
const DECADES = 6;
const TICKS = 5;

export function axisOf(values: readonly number[], log: boolean): Axis {
  return log && canBeLog(values) ? logAxis(values) : linearAxis(values);
}

function linearAxis(values: readonly number[]): Axis {
  const [least, most] = [Math.min(0, ...values), Math.max(0, ...values)];
  const step = niceStep((most - least || 1) / TICKS);
  const low = Math.floor(least / step) * step;
  const high = Math.ceil((most || step) / step) * step;
  const n = Math.round((high - low) / step);
  return { at: (value) => (value - low) / (high - low), ticks: Array.from({ length: n + 1 }, (_, i) => low + i * step), below: 0 };
}

function logAxis(values: readonly number[]): Axis {
  const most = Math.ceil(Math.log10(Math.max(...values)));
  const least = Math.max(most - DECADES, Math.floor(Math.log10(Math.min(...values.filter((value) => value > 0)))));
  const span = most - least || 1;
  const at = (value: number) => Math.max(0, (Math.log10(Math.max(value, Number.MIN_VALUE)) - least) / span);
  const ticks = Array.from({ length: span + 1 }, (_, i) => 10 ** (least + i));
  return { at, ticks, below: values.filter((value) => value < 10 ** least).length };
}

/** 1, 2 or 5 times a power of ten, not below `size`. */
function niceStep(size: number): number {
  const power = 10 ** Math.floor(Math.log10(size));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= size * 0.999) ?? 10);
}

/** Scores that say of what kind a head is; all are shares of attention. */
const KINDS = [
  "random_prev_token_score",
  "random_duplicate_token_score",
  "random_induction_score",
  "prev_token_score",
  "duplicate_token_score",
  "induction_score",
  "self_attention_score",
  "first_position_score",
];

/** The one of its scores of a kind that is largest. */
export function strongest(metrics: readonly Metric[], head: HeadPoint): { metric: Metric; value: number } | null {
  const found = metrics.flatMap((metric, i) => (KINDS.includes(metric.id) ? [{ metric, value: head.values[i] ?? 0 }] : []));
  return found.reduce<{ metric: Metric; value: number } | null>((best, each) => (best === null || each.value > best.value ? each : best), null);
}
