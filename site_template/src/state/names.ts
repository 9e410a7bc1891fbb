import { useEffect, useState } from "preact/hooks";
import type { Atlas } from "../store/atlas.ts";
import type { Dictionary } from "../store/dictionary.ts";
import { remember } from "../store/remember.ts";
import { type Address, formatAddress } from "./address.ts";

/** What tells a latent from others at a glance: its best label, else the token type that it fires on most. */
export interface Name {
  label: string;
  type: number | null;
}

interface Tops {
  types: Uint32Array | Float32Array;
  firings: Uint32Array | Float32Array;
}

const tops = new Map<Dictionary, Promise<Tops>>();

/** Names by address, read once `wanted`: two columns of each dictionary, once. What can't be read has none. */
export function useNames(atlas: Atlas, units: readonly Address[], wanted: boolean): ReadonlyMap<string, Name> {
  const [names, setNames] = useState<ReadonlyMap<string, Name>>(new Map());
  const key = units.map(formatAddress).join();
  useEffect(() => {
    if (!wanted) return;
    let current = true;
    const told = units.map(async (unit) => [formatAddress(unit), await nameOf(atlas, unit)] as const);
    Promise.allSettled(told).then((all) => {
      const found = all.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
      if (current) setNames(new Map(found));
    });
    return () => {
      current = false;
    };
  }, [key, wanted]);
  return names;
}

async function nameOf(atlas: Atlas, { dictionary: id, index }: Address): Promise<Name> {
  const dictionary = await atlas.dictionary(id);
  const [best] = await dictionary.labels(index);
  if (best !== undefined) return { label: best.text, type: null };
  const { types, firings } = await remember(tops, dictionary, async () => {
    const [types, firings] = await Promise.all([dictionary.stat("top_token"), dictionary.stat("firings")]);
    return { types, firings };
  });
  return { label: "", type: (firings[index] ?? 0) > 0 ? (types[index] ?? null) : null };
}
