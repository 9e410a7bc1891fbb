import type { ComponentChildren } from "preact";
import { alone } from "../draw/glyphs.ts";
import { markPart, markWords } from "../draw/mark.tsx";
import { type Address, formatAddress } from "../state/address.ts";
import type { Found } from "../state/find.ts";
import type { Place } from "../state/places.ts";
import type { Match } from "../state/types.ts";
import { latentHref, tokenHref } from "../state/url.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Hit } from "../store/search.ts";
import { Token } from "./token.tsx";

/** One thing that was found: where it leads, how it is shown, and whose snippets there are. */
export interface Result {
  key: string;
  href: string;
  address: Address | null;
  show: ComponentChildren;
}

export interface ResultGroup {
  name: string;
  results: Result[];
}

const HOW = { exact: "token", spaces: "token, other spaces", case: "token, other case", contains: "token that contains it", near: "token spelled much like it" } as const;

/** What was found, in groups; those without anything are left out. */
export function resultGroups(found: Found, root: string): ResultGroup[] {
  const { query, vocabulary } = found;
  const groups = [
    { name: "Addresses", results: found.addresses.map((place) => placeResult(place, query)) },
    { name: "Tokens", results: found.tokens.map((match) => tokenResult(match, query, vocabulary, root)) },
    { name: "Labels", results: (found.labels ?? []).map((hit) => labelResult(hit, root)) },
    { name: "Latents by the text they peak on", results: (found.texts ?? []).map((hit) => textResult(hit, vocabulary, root)) },
    { name: "Dictionaries and heads", results: found.groups.map((place) => placeResult(place, query)) },
  ];
  return groups.filter(({ results }) => results.length > 0);
}

function placeResult({ name, what, href, address }: Place, query: string): Result {
  const show = (
    <>
      <span class="address">{markPart(name, query.trim())}</span>
      <span class="quiet">{what}</span>
    </>
  );
  return { key: `place ${name}`, href, address, show };
}

function tokenResult({ type, how }: Match, query: string, vocabulary: Vocabulary, root: string): Result {
  const show = (
    <>
      <span class="token">{markPart(alone(vocabulary, type), query.trim())}</span>
      <span class="quiet">{HOW[how]}</span>
    </>
  );
  return { key: `token ${type}`, href: tokenHref(root, type), address: null, show };
}

function labelResult({ address, label, terms }: Hit, root: string): Result {
  const show = (
    <>
      <span class="said">{markWords(label, terms)}</span>
      <span class="address quiet">{formatAddress(address)}</span>
    </>
  );
  return { key: `label ${formatAddress(address)}`, href: latentHref(root, formatAddress(address)), address, show };
}

function textResult({ address, label, terms, top }: Hit, vocabulary: Vocabulary, root: string): Result {
  const show = (
    <>
      <span class="address">{formatAddress(address)}</span>
      <span class="said">{label !== "" ? label : top !== null && <Token type={top} vocabulary={vocabulary} />}</span>
      <span class="quiet">
        near{" "}
        {[...new Set(terms)].map((term) => (
          <>
            <mark key={term}>{term}</mark>{" "}
          </>
        ))}
      </span>
    </>
  );
  return { key: `text ${formatAddress(address)}`, href: latentHref(root, formatAddress(address)), address, show };
}
