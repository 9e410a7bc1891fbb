import { useEffect, useState } from "preact/hooks";
import type { Atlas } from "../store/atlas.ts";
import { SearchIndex } from "../store/search.ts";
import { type Address, formatAddress } from "./address.ts";

/** What a latent's labels say, as far as the search index knows; empty until it has come. Nothing waits for it. */
export function useSaid(atlas: Atlas, address: Address): string {
  const [said, setSaid] = useState("");
  useEffect(() => {
    let wanted = true;
    SearchIndex.of(atlas)
      .then((index) => index?.said(address) ?? "")
      .then(
        (text) => wanted && setSaid(text),
        () => wanted && setSaid("its labels can’t be read"),
      );
    return () => {
      wanted = false;
    };
  }, [atlas, formatAddress(address)]);
  return said;
}
