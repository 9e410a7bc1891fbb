import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { count } from "../draw/format.ts";
import { useKeys } from "../state/keys.ts";
import { follow, fullHeat, type Pair, pairsAt, pairsOf, type Place, ranked, type Region, type Side, type Weight } from "../state/pattern.ts";
import { usePatternView, ZOOMS } from "../state/pattern-view.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Head, HeadWindow } from "../store/heads.ts";
import { Choice } from "./choice.tsx";
import { PairList } from "./pair-list.tsx";
import { PatternDetail } from "./pattern-detail.tsx";
import { PatternMap } from "./pattern-map.tsx";
import { Readout } from "./readout.tsx";
import { Scale } from "./scale.tsx";
import { WindowStrip } from "./window-strip.tsx";

interface Props {
  row: number;
  window: HeadWindow;
  atlas: Atlas;
  head: Head;
  vocabulary: Vocabulary;
}

/** A window whole: its pattern as a map, its tokens, and the numbers of the token that is chosen or pointed at. */
export function HeadWindowView({ row, window, atlas, head, vocabulary }: Props) {
  const n = window.types.length;
  const peak = { query: head.ints.example_query[row] ?? 0, key: head.ints.example_key[row] ?? 0 };
  const view = usePatternView(n, peak);
  const { weight, side, sink, place, choose } = view;
  const [pointed, point] = useState<Place | null>(null);
  // What is pointed at on the small map is shown by the large one, which else stays where it is.
  const [glimpsed, glimpse] = useState<Place | null>(null);
  const pairs = useMemo(() => pairsOf(window).filter(({ key }) => sink || key > 0), [window, sink]);
  const order = useMemo(() => ranked(pairs, weight), [pairs, weight]);
  const full = fullHeat(pairs, weight);
  const heat = useMemo(() => ({ pairs, weight, full }), [pairs, weight, full]);
  const shown = useRef<Region | null>(null);
  if (glimpsed === null) shown.current = follow(shown.current, place, view.zoom, n);
  const region = glimpsed === null ? (shown.current as Region) : follow(null, glimpsed, view.zoom, n);
  const at = glimpsed ?? pointed ?? place;
  const told = pairsAt(pairs, side, at[side], weight);
  const take = (index: number): Place => pairsAt(pairs, side, index, weight)[0] ?? { query: index, key: index };
  const strongest = order.findIndex(({ query, key }) => query === place.query && key === place.key);
  const go = (rank: number) => {
    const pair = order[rank];
    if (pair) choose({ query: pair.query, key: pair.key });
  };
  useKeys({ t: () => go(0), n: () => go(strongest + 1) });
  return (
    <div class="window">
      <div class="choices">
        <Choice name="colour" options={COLOURS} value={weight} onChange={view.setWeight} />
        <Choice name="tell of a token" options={SIDES} value={side} onChange={view.setSide} />
        <Choice name="shown large" options={zoomsFor(n)} value={view.zoom} onChange={(size) => view.setZoom(size === n ? 0 : size)} />
        <Choice name="first position" options={SINK} value={sink ? "shown" : "hidden"} onChange={(value) => view.setSink(value === "shown")} />
        <fieldset>
          <button type="button" onClick={() => go(0)} title="the pair of largest colour (t)">
            strongest pair
          </button>
          <button type="button" onClick={() => go(strongest + 1)} title="the next weaker pair (n)" disabled={strongest + 1 >= order.length}>
            next
          </button>
        </fieldset>
        <Scale full={full} twoSigned={false} />
      </div>
      <div class="pattern-and-list">
        <div>
          <PatternDetail types={window.types} {...{ vocabulary, heat, at, side, region }} onPoint={point} onChoose={choose} />
          <Readout {...{ at, window, vocabulary }} />
        </div>
        <div class="map-and-list">
          <PatternMap {...{ n, heat, at, side, region }} onPoint={glimpse} onChoose={choose} />
          <PairList pairs={told} index={at[side]} {...{ side, sink, window, vocabulary }} />
        </div>
      </div>
      <WindowStrip
        {...{ window, vocabulary, side, at }}
        heats={heatsOf(told, side, weight, full)}
        onPoint={(index) => point(index === null ? null : take(index))}
        onChoose={(index) => choose(take(index))}
      />
      <Where atlas={atlas} document={head.ints.example_document[row] ?? 0} position={head.ints.example_position[row] ?? 0} />
    </div>
  );
}

/** Which document the window is of. */
function Where({ atlas, document, position }: { atlas: Atlas; document: number; position: number }) {
  const [name, setName] = useState("…");
  useEffect(() => {
    atlas
      .documents()
      .then((documents) => documents.id(document))
      .then(setName, () => setName("its name can’t be read"));
  }, [document]);
  return (
    <p class="where">
      <span class="document">{name}</span>
      <span>
        document {count(document)}, from its token {count(position)} on
      </span>
    </p>
  );
}

const COLOURS: readonly [Weight, string][] = [
  ["attention", "attention"],
  ["write", "write norm"],
];
const SIDES: readonly [Side, string][] = [
  ["query", "where it looks"],
  ["key", "from where it is looked at"],
];
const SINK: readonly ["shown" | "hidden", string][] = [
  ["shown", "shown"],
  ["hidden", "hidden"],
];

/** Numbers of tokens shown large that are fewer than there are, and all. */
function zoomsFor(n: number): [number, string][] {
  const fewer = ZOOMS.filter((size) => size > 0 && size < n);
  return [...fewer.map((size): [number, string] => [size, String(size)]), [n, "all"]];
}

/** Heat of each token at the other end of the pairs told, in 0..1. */
function heatsOf(told: readonly Pair[], side: Side, weight: Weight, full: number): Map<number, number> {
  const end = side === "query" ? "key" : "query";
  return new Map(told.map((pair) => [pair[end], full > 0 ? Math.min(1, pair[weight] / full) : 0]));
}
