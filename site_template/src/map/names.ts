/** What the regions of a map are called: pure functions. */

export interface Region {
  name: string;
  /** The place of one of its latents, near the middle of all. */
  x: number;
  y: number;
  /** How many latents fire there. */
  n: number;
}

const MOST_WORDS = 3;
/** Wider than a space: a middle dot would read as one more token. */
const BETWEEN = "\u2003";
const LEAST_LATENTS = 2;
/** The second and third word must tell at least this share of what the first tells. */
const LEAST_SHARE = 0.5;
/** Labels name a region if at least this share of its latents have one. */
const LABELLED = 0.5;

interface Latents {
  xy: Uint16Array;
  region: Uint8Array;
  living: (index: number) => boolean;
  token: (index: number) => string;
  labels: readonly string[];
}

/** The regions that have living latents, the largest first. */
export function nameRegions({ xy, region, living, token, labels }: Latents): Region[] {
  const members = new Map<number, number[]>();
  region.forEach((id, i) => {
    if (!living(i)) return;
    const known = members.get(id);
    if (known === undefined) members.set(id, [i]);
    else known.push(i);
  });
  const all = [...members.values()];
  const byToken = all.map((each) => each.map((i) => [token(i)]));
  const byLabel = all.map((each) => each.map((i) => words(labels[i] ?? "")));
  const tokenNames = distinctive(byToken);
  const labelNames = distinctive(byLabel);
  return all
    .map((each, at) => {
      const labelled = each.filter((i) => (labels[i] ?? "") !== "").length >= LABELLED * each.length;
      return { name: (labelled && labelNames[at]) || tokenNames[at] || "", n: each.length, ...middle(each, xy) };
    })
    .sort((a, b) => b.n - a.n);
}

function words(label: string): string[] {
  return [...new Set(label.toLowerCase().match(/[\p{L}\p{N}’']{3,}/gu) ?? [])];
}

/**
 * Of each group the words that tell it from the others: with c of its n latents that have the word, and C
 * of all N, those of largest c log((c / n) / (C / N)), c being at least two.
 */
function distinctive(groups: readonly (readonly (readonly string[])[])[]): string[] {
  const overall = counted(groups.flat());
  const total = groups.reduce((sum, group) => sum + group.length, 0);
  return groups.map((group) => {
    const scored = [...counted(group)]
      .filter(([word, count]) => count >= LEAST_LATENTS && word !== "")
      .map(([word, count]) => [word, count * Math.log(count / group.length / ((overall.get(word) ?? 1) / total))] as const)
      .filter(([, score]) => score > 0)
      .sort((a, b) => b[1] - a[1]);
    const best = scored[0]?.[1] ?? 0;
    return scored
      .filter(([, score]) => score >= LEAST_SHARE * best)
      .slice(0, MOST_WORDS)
      .map(([word]) => word)
      .join(BETWEEN);
  });
}

function counted(latents: readonly (readonly string[])[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const each of latents) for (const word of each) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** The member nearest to the mean of all: a name never stands where there is nothing. */
function middle(members: readonly number[], xy: Uint16Array): { x: number; y: number } {
  const mean = [0, 1].map((axis) => members.reduce((sum, i) => sum + (xy[2 * i + axis] ?? 0), 0) / members.length);
  const away = (i: number) => ((xy[2 * i] ?? 0) - (mean[0] ?? 0)) ** 2 + ((xy[2 * i + 1] ?? 0) - (mean[1] ?? 0)) ** 2;
  const nearest = members.reduce((best, i) => (away(i) < away(best) ? i : best));
  return { x: xy[2 * nearest] ?? 0, y: xy[2 * nearest + 1] ?? 0 };
}
