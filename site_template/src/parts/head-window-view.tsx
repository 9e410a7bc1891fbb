import { useEffect, useMemo, useState } from "preact/hooks";
import { count } from "../draw/format.ts";
import { fullHeat, type Pair, pairsAt, pairsOf, type Side, type Weight } from "../state/pattern.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Head, HeadWindow } from "../store/heads.ts";
import { PairList } from "./pair-list.tsx";
import { PatternMap } from "./pattern-map.tsx";
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
  const peak = { query: head.ints.example_query[row] ?? 0, key: head.ints.example_key[row] ?? 0 };
  const [weight, setWeight] = useState<Weight>("attention");
  const [side, setSide] = useState<Side>("query");
  const [chosen, choose] = useState(peak);
  const [pointed, point] = useState<{ query: number; key: number } | null>(null);
  const [name, setName] = useState("…");
  const document = head.ints.example_document[row] ?? 0;
  useEffect(() => {
    atlas
      .documents()
      .then((documents) => documents.id(document))
      .then(setName, () => setName("its name can’t be read"));
  }, [document]);
  const pairs = useMemo(() => pairsOf(window), [window]);
  const full = fullHeat(pairs, weight);
  const at = pointed ?? chosen;
  const told = pairsAt(pairs, side, at[side], weight);
  const take = (index: number) => ({ ...at, [side]: index });
  const other = (next: Side) => {
    setSide(next);
    point(null);
  };
  return (
    <div class="window">
      <div class="choices">
        <Choice name="colour" options={COLOURS} value={weight} onChange={setWeight} />
        <Choice name="tell of a token" options={SIDES} value={side} onChange={other} />
        <Scale full={full} twoSigned={false} />
      </div>
      <div class="pattern-and-list">
        <PatternMap n={window.types.length} {...{ pairs, weight, full, at, side }} onPoint={point} onChoose={choose} />
        <PairList pairs={told} n={window.types.length} index={at[side]} {...{ side, window, vocabulary }} />
      </div>
      <WindowStrip
        {...{ window, vocabulary, side, at }}
        heats={heatsOf(told, side, weight, full)}
        onPoint={(index) => point(index === null ? null : take(index))}
        onChoose={(index) => choose(take(index))}
      />
      <p class="where">
        <span class="document">{name}</span>
        <span>
          document {count(document)}, from its token {count(head.ints.example_position[row] ?? 0)} on
        </span>
      </p>
    </div>
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

interface ChoiceProps<T extends string> {
  name: string;
  options: readonly (readonly [T, string])[];
  value: T;
  onChange: (value: T) => void;
}

function Choice<T extends string>({ name, options, value, onChange }: ChoiceProps<T>) {
  return (
    <fieldset>
      <legend>{name}</legend>
      {options.map(([id, text]) => (
        <button key={id} type="button" aria-pressed={id === value} onClick={() => onChange(id)}>
          {text}
        </button>
      ))}
    </fieldset>
  );
}

/** Heat of each token at the other end of the pairs told, in 0..1. */
function heatsOf(told: readonly Pair[], side: Side, weight: Weight, full: number): Map<number, number> {
  const end = side === "query" ? "key" : "query";
  return new Map(told.map((pair) => [pair[end], full > 0 ? Math.min(1, pair[weight] / full) : 0]));
}
