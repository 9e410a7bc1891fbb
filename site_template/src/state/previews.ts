import { useEffect, useState } from "preact/hooks";
import type { Dictionary, Preview } from "../store/dictionary.ts";

/** Rows that fly past while somebody scrolls are not worth a request. */
const PAUSE = 60;

export type Previews = ReadonlyMap<number, Preview | "failed">;

/** Snippets of the rows in sight, asked for in one tick so that they share requests. */
export function usePreviews(dictionary: Dictionary, indexes: Uint32Array): Previews {
  const [previews, setPreviews] = useState<Previews>(new Map());
  useEffect(() => {
    let wanted = true;
    const read = async () => {
      const rows = Array.from(indexes).filter((index) => !previews.has(index));
      const found = await Promise.all(rows.map((index) => dictionary.preview(index).catch(() => "failed" as const)));
      if (wanted) setPreviews(new Map(Array.from(indexes, (index) => [index, previews.get(index) ?? found[rows.indexOf(index)] ?? "failed"])));
    };
    const timer = setTimeout(read, PAUSE);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [dictionary, indexes.join()]);
  return previews;
}
