/** Latents, heads and dictionaries by what is typed of their address. */
import type { Manifest } from "../store/manifest.ts";
import { type Address, formatAddress } from "./address.ts";
import { dictionaryHref, headHref, headsHref, latentHref } from "./url.ts";

const MORE = 4;

/** A page of the site: what is there, in a word or two. */
export interface Place {
  name: string;
  what: string;
  href: string;
  /** Of a latent. */
  address: Address | null;
}

export interface Places {
  addresses: Place[];
  groups: Place[];
  /** Why an address finds nothing. */
  note: string | null;
}

/** A dictionary, or the heads of a layer. */
interface Owner {
  id: string;
  n: number;
  what: string;
  unit: string;
  href: (root: string, id: string) => string;
  unitHref: (root: string, address: string) => string;
}

/** `here` is the dictionary that the page shows, in which a number alone is looked for. */
export function findPlaces(query: string, { dictionaries, heads = [] }: Manifest, here: string | null, root: string): Places {
  const owners: Owner[] = [
    ...dictionaries.map(({ id, kind, n_latents: n }) => {
      const unit = kind === "neurons" ? "neuron" : "latent";
      return { id, n, what: kind === "sae" ? "SAE" : kind, unit, href: dictionaryHref, unitHref: latentHref };
    }),
    ...heads.map(({ id, n_heads: n }) => ({ id, n, what: "heads", unit: "head", href: headsHref, unitHref: headHref })),
  ];
  const text = query.trim().toLowerCase();
  const groups = text.length < 2 ? [] : owners.filter(({ id }) => id.toLowerCase().includes(text)).map((owner) => groupPlace(owner, root));
  const [, id = "", digits = ""] = /^(.*)\/(\d*)$/.exec(/^\d+$/.test(text) && here !== null ? `${here.toLowerCase()}/${text}` : text) ?? [];
  if (id === "") return { addresses: [], groups, note: null };
  const named = owners.filter((owner) => owner.id.toLowerCase() === id);
  const fitting = named.length > 0 ? named : owners.filter((owner) => owner.id.toLowerCase().includes(id));
  const addresses = fitting.flatMap((owner) => completions(digits, owner.n).map((index) => unitPlace(owner, index, root)));
  const [only] = named;
  const note = addresses.length === 0 && only ? `${only.id} has ${only.unit}s ${only.id}/0 to ${only.id}/${only.n - 1}` : null;
  return { addresses, groups: [], note };
}

/** The number itself and those that begin with it, as far as there are any. */
function completions(digits: string, n: number): number[] {
  const begun = Number(digits) * 10;
  const longer = digits === "" ? [0, 1, 2, 3, 4] : digits === "0" ? [] : Array.from({ length: 10 }, (_, i) => begun + i);
  const own = digits === "" ? [] : [Number(digits)];
  return [...own, ...longer.slice(0, own.length > 0 ? MORE : MORE + 1)].filter((index) => index < n);
}

function groupPlace({ id, n, what, unit, href }: Owner, root: string): Place {
  return { name: id, what: what === "heads" ? `${n} heads` : `${what}, ${n.toLocaleString("en")} ${unit}s`, href: href(root, id), address: null };
}

function unitPlace({ id, unit, unitHref }: Owner, index: number, root: string): Place {
  const address = { dictionary: id, index };
  return { name: formatAddress(address), what: unit, href: unitHref(root, formatAddress(address)), address: unit === "head" ? null : address };
}
