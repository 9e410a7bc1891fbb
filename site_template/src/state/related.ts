/** The units that belong to a latent, as lists under tabs: pure functions on its card. */
import { count, number } from "../draw/format.ts";
import type { TabName } from "../parts/tab-list.tsx";
import type { Dictionary, Latent, Side } from "../store/dictionary.ts";
import type { Manifest } from "../store/manifest.ts";

/** Another unit: a latent, or a head of `attn.<layer>`. */
export interface RelatedUnit {
  dictionary: string;
  index: number;
  /** What the list is ordered by, of either sign. */
  value: number;
  /** A second number: positions where both fire, or a virtual weight. */
  beside?: string;
}

export interface RelatedList {
  id: string;
  name: string;
  units: RelatedUnit[];
  /** Value at which a bar is full. */
  full: number;
  heads: boolean;
}

export interface RelatedTab extends TabName {
  says: string;
  lists: RelatedList[];
}

/** Those of the tabs for which the atlas has anything to tell of this dictionary's latents. */
export function relatedTabs(latent: Latent, dictionary: Dictionary, manifest: Manifest): RelatedTab[] {
  const tabs: RelatedTab[] = [
    {
      id: "similar",
      name: "similar",
      says: "Latents of the same dictionary that write, and that read, along much the same direction: the cosine of the two.",
      lists: similar(latent, dictionary),
    },
    {
      id: "together",
      name: "fire together",
      says: "Latents that fire where it does: shared firings / √(firings of the one × of the other), and how many are shared.",
      lists: together(latent, dictionary),
    },
    ...(["upstream", "downstream"] as const).flatMap((id) => virtual(latent, dictionary[id], id)),
    {
      id: "heads",
      name: "heads",
      says: "Attention heads that write along what it reads.",
      lists: heads(latent, dictionary, manifest.model.n_heads),
    },
  ];
  return tabs.filter(({ lists }) => lists.length > 0);
}

function similar({ index: own, ints, floats }: Latent, dictionary: Dictionary): RelatedList[] {
  const near = (id: string, name: string, indexes: Uint32Array = new Uint32Array(), cosines?: Float32Array) => {
    const units = Array.from(indexes, (index, row) => ({ dictionary: dictionary.record.id, index, value: cosines?.[row] ?? 0 }));
    return list(id, name, units.filter(({ index }) => index !== own));
  };
  const lists = [
    near("decoder", "by write direction", ints.neighbour_index, floats.neighbour_cosine),
    near("encoder", "by read direction", ints.encoder_index, floats.encoder_cosine),
  ];
  return lists.filter(({ units }) => units.length > 0);
}

/** None of units of two signs, nor in an atlas made before co-firing was counted. */
function together({ ints, floats }: Latent, dictionary: Dictionary): RelatedList[] {
  const fired = (id: string, name: string, whose: (row: number) => string, indexes?: Uint32Array, shared?: Uint32Array, cosines?: Float32Array) => {
    const units = Array.from(indexes ?? [], (index, row) => ({
      dictionary: whose(row),
      index,
      value: cosines?.[row] ?? 0,
      beside: `${count(shared?.[row] ?? 0)} ×`,
    }));
    return indexes?.length ? [list(id, name, units.filter((_, row) => (shared?.[row] ?? 0) > 0))] : [];
  };
  const mate = (row: number) => dictionary.mates[ints.across_dictionary[row] ?? 0] ?? "";
  return [
    ...fired("within", "in its dictionary", () => dictionary.record.id, ints.cofiring_index, ints.cofiring_count, floats.cofiring_cosine),
    ...fired("across", "in the layer's other dictionaries", mate, ints.across_index, ints.across_count, floats.across_cosine),
  ];
}

function virtual({ ints, floats }: Latent, side: Side | null, id: "upstream" | "downstream"): RelatedTab[] {
  if (side === null) return [];
  const units = Array.from(ints[`${id}_index`], (index, row) => ({
    dictionary: side.dictionaries[ints[`${id}_dictionary`][row] ?? 0] ?? "",
    index,
    value: floats[`${id}_cosine`][row] ?? 0,
    beside: number(floats[`${id}_weight`][row] ?? 0),
  }));
  const what =
    id === "upstream"
      ? "Units that write what it reads: the cosine of their write direction and its read direction in the residual stream, and their product, the virtual weight."
      : "Units that read what it writes: the cosine of its write direction and their read direction in the residual stream, and the product, the virtual weight.";
  const says = `${what} Below 0 the one lowers the other. By chance the largest cosine would be about ±${number(Number(side.chance.toFixed(2)))}.`;
  return [{ id, name: id, says, lists: [list(id, "", units.filter(({ value }) => value !== 0))] }];
}

function heads({ ints, floats }: Latent, dictionary: Dictionary, n: number): RelatedList[] {
  const measured = Array.from(floats.head_part, (value, index) => ({ dictionary: dictionary.heads ?? "", index, value }));
  measured.sort((a, b) => b.value - a.value);
  const able = Array.from(floats.writer_norm ?? [], (value, row) => {
    const head = ints.writer_head[row] ?? 0;
    return { dictionary: `attn.${Math.floor(head / n)}`, index: head % n, value };
  });
  const lists = [
    list("measured", "what each adds before bias and threshold, mean over its firings", measured, true),
    list("able", "the most each can add by its weights, ‖W_V W_O r‖, r being the read direction", able.filter(({ value }) => value > 0), true),
  ];
  return lists.filter(({ units }) => units.length > 0);
}

/** Bars of cosines are full at 1, those of heads at the largest. */
function list(id: string, name: string, units: RelatedUnit[], heads = false): RelatedList {
  const full = heads ? Math.max(...units.map(({ value }) => Math.abs(value))) || 1 : 1;
  return { id, name, units, full, heads };
}
