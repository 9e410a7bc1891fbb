/** A range of numbers, both ends included; null where it has no end. */
export interface Range {
  low: number | null;
  high: number | null;
}

export const EVERYTHING: Range = { low: null, high: null };

/** Reads `1e-4..0.01`, `..0.01` or `0.5..`; everything if it is none of them. */
export function parseRange(text: string | null): Range {
  const ends = (text ?? "").split("..");
  return ends.length === 2 ? { low: bound(ends[0] ?? ""), high: bound(ends[1] ?? "") } : EVERYTHING;
}

/** The shortest text that reads back as the range; null for everything. */
export function formatRange({ low, high }: Range): string | null {
  return low === null && high === null ? null : `${low ?? ""}..${high ?? ""}`;
}

export function isIn({ low, high }: Range, value: number): boolean {
  return value >= (low ?? Number.NEGATIVE_INFINITY) && value <= (high ?? Number.POSITIVE_INFINITY);
}

/** A number; null for anything else. */
export function bound(text: string): number | null {
  const value = Number(text);
  return text.trim() === "" || !Number.isFinite(value) ? null : value;
}
