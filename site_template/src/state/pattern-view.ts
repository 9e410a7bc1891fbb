/** How a window's pattern is looked at; all of it is in the address. */
import { useEffect, useRef, useState } from "preact/hooks";
import { inside, type Place, type Side, type Weight } from "./pattern.ts";
import { useQuery } from "./url.ts";

/** Tokens that the large view shows along each side; 0 stands for all. */
export const ZOOMS = [16, 32, 64, 0] as const;
const ZOOM = 32;
/** Browsers refuse more than a hundred changes of the address in half a minute. */
const PAUSE = 300;

export interface PatternView {
  weight: Weight;
  side: Side;
  zoom: number;
  /** Whether the first position, an attention sink, is drawn as a key. */
  sink: boolean;
  place: Place;
  setWeight: (weight: Weight) => void;
  setSide: (side: Side) => void;
  setZoom: (zoom: number) => void;
  setSink: (sink: boolean) => void;
  choose: (place: Place) => void;
}

/** `peak` is where one looks first in a window of `n` tokens. */
export function usePatternView(n: number, peak: Place): PatternView {
  const [query, change] = useQuery();
  const asked = (name: string) => {
    const text = query.get(name);
    return text !== null && /^[0-9]{1,9}$/.test(text) ? Number(text) : null;
  };
  const [place, choose] = useState(() => inside({ query: asked("q") ?? peak.query, key: asked("k") ?? peak.key }, n));
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    const timer = setTimeout(() => change({ q: String(place.query), k: String(place.key) }, "replace"), PAUSE);
    return () => clearTimeout(timer);
  }, [place.query, place.key]);
  const zoom = ZOOMS.find((each) => each === asked("zoom")) ?? ZOOM;
  const set = (name: string, value: string | null) => change({ [name]: value }, "replace");
  return {
    weight: query.get("colour") === "write" ? "write" : "attention",
    side: query.get("tell") === "key" ? "key" : "query",
    zoom: zoom === 0 ? n : Math.min(zoom, n),
    sink: query.get("first") !== "hidden",
    place,
    setWeight: (weight) => set("colour", weight === "write" ? "write" : null),
    setSide: (side) => set("tell", side === "key" ? "key" : null),
    setZoom: (wanted) => set("zoom", wanted === ZOOM ? null : String(wanted)),
    setSink: (shown) => set("first", shown ? null : "hidden"),
    choose,
  };
}
