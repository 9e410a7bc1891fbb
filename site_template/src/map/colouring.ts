/** By which statistic the points of a map are coloured. */
import type { Stat } from "../store/schema.gen.ts";

export interface Colouring {
  id: Stat;
  name: string;
  share: boolean;
  log: boolean;
}

export const BY_DEFAULT: Colouring = { id: "density", name: "density", share: true, log: true };

export const COLOURINGS: readonly Colouring[] = [
  BY_DEFAULT,
  { id: "max", name: "max", share: false, log: true },
  { id: "mean_firing", name: "mean firing", share: false, log: true },
  { id: "concentration", name: "concentration", share: true, log: false },
  { id: "skew", name: "skew", share: false, log: false },
  { id: "kurtosis", name: "kurtosis", share: false, log: true },
  { id: "firings", name: "firings", share: false, log: true },
];

/** The colouring that the URL asks for. */
export function colouringOf(query: URLSearchParams): Colouring {
  return COLOURINGS.find(({ id }) => id === query.get("colour")) ?? BY_DEFAULT;
}
