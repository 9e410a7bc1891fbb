import { useEffect, useState } from "preact/hooks";

/** Rows that fly past while somebody scrolls, or points under the mouse, are not worth a request. */
const PAUSE = 60;

export type InSight<T> = ReadonlyMap<number, T | "failed">;

/** What is read for each latent in sight, asked for in one tick so that the reads share requests. */
export function useInSight<T>(indexes: Uint32Array, read: (index: number) => Promise<T>): InSight<T> {
  const [found, setFound] = useState<InSight<T>>(new Map());
  useEffect(() => {
    let wanted = true;
    const readAll = async () => {
      const missing = Array.from(indexes).filter((index) => !found.has(index));
      const values = await Promise.all(missing.map((index) => read(index).catch(() => "failed" as const)));
      const news = new Map(missing.map((index, i) => [index, values[i] ?? "failed"]));
      if (wanted) setFound(new Map(Array.from(indexes, (index) => [index, found.get(index) ?? news.get(index) ?? "failed"])));
    };
    const timer = setTimeout(readAll, PAUSE);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [indexes.join()]);
  return found;
}
