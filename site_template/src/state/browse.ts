/** A list as it stands: what of it has come, which rows it shows, and how statistics are spread over them. */
import { useMemo, useRef, useState } from "preact/hooks";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Dictionary } from "../store/dictionary.ts";
import type { AtlasError } from "../store/errors.ts";
import type { Stat } from "../store/schema.gen.ts";
import { type Columns, useColumns, type Values } from "./columns.ts";
import { useAllLabels } from "./labels.ts";
import { type Choice, COLUMNS, type Column, isFiltered, needed, shownColumns } from "./list.ts";
import { useLoadable } from "./loadable.ts";
import { orderOf } from "./order.ts";
import { bitOf, failElse, failings, passing } from "./rows.ts";
import { barsOf, countsOf, readSpreads, type Spread, spreadOf } from "./spread.ts";

/** A dictionary that a list is made of. */
export interface Listed {
  atlas: Atlas;
  dictionary: Dictionary;
}

export interface Histogram {
  /** Over all living latents; null until it is known. */
  all: Spread | null;
  /** The same over those that pass all other filters; null until they can be counted. */
  passing: ArrayLike<number> | null;
}

export interface Browsed {
  /** In their order. Until the columns that the choice needs have come, those of the last choice, or null. */
  rows: Uint32Array | null;
  /** Whether the rows are those of the choice. */
  settled: boolean;
  columns: Columns;
  vocabulary: Vocabulary | null;
  /** How many labels have been read for the filter. */
  labelsRead: number;
  histogram: (column: Column) => Histogram;
  error: AtlasError | null;
  retry: () => void;
}

/**
 * Reads what a choice needs first; when its rows stand, what their other columns show. A map, which shows no
 * rows, says what it needs in `also`.
 * Of a selection undefined says that it is still on its way.
 */
export function useBrowsed(listed: Listed | null, choice: Choice, selection: Uint32Array | null | undefined, also: readonly Stat[]): Browsed {
  const [drawn, setDrawn] = useState(false);
  const dictionary = listed?.dictionary ?? null;
  const n = dictionary?.record.n_latents ?? 0;
  const first = needed(choice);
  // A map shows no columns; their histograms come with the page, and only what passes a filter is counted anew.
  const listing = also.length === 0 || isFiltered(choice);
  const later: Stat[] = drawn ? ["top_token", ...also, ...(listing ? shownColumns(choice).map(({ id }) => id) : [])] : [];
  const { columns, error, retry } = useColumns(dictionary, [...new Set([...first, ...later])]);
  const searched = choice.label !== "" && dictionary?.labelled === true;
  const said = useAllLabels(dictionary, searched);
  const words = useVocabulary(listed, drawn || choice.token !== "" || also.length > 0);
  const vocabulary = words.state === "ready" ? words.value : null;
  const complete = dictionary !== null && selection !== undefined && first.every((name) => columns[name] !== undefined) && (choice.token === "" || vocabulary !== null);
  if (complete && !drawn) setDrawn(true);

  const { sort, descending, token, label, index, dead, ranges } = choice;
  const sorted = sort === "index" ? null : columns[sort];
  const order = useMemo(() => (complete ? (sorted ? orderOf(sorted, descending) : counting(n, descending)) : null), [complete, n, sorted, descending]);
  const known = token === "" ? columns.density : columns.top_token;
  const rest = useMemo(
    () => (complete ? failElse({ n, columns, vocabulary, labels: said.labels, selection: selection ?? null }, choice) : null),
    [complete, n, known, said.labels, selection, token, label, index.low, index.high, dead],
  );
  const bounded = COLUMNS.map(({ id }) => (ranges[id] === undefined ? null : columns[id]));
  const all = useMemo(() => rest && failings(rest, columns, ranges), [rest, JSON.stringify(ranges), ...bounded]);
  const rows = useMemo(() => all && order && passing(all, order), [all, order]);
  const last = useRef<Uint32Array | null>(null);
  last.current = rows ?? last.current;

  const [told] = useState(readSpreads);
  const [spreads] = useState(() => new WeakMap<Values, Spread>());
  const [bars] = useState(() => new WeakMap<Values, Uint8Array>());
  const unfiltered = !selection && !isFiltered(choice);
  const histogram = (column: Column): Histogram => {
    const { [column.id]: values, density } = columns;
    const counted = () => (values && density ? kept(spreads, values, () => spreadOf(column, values, density)) : null);
    const spread = told[column.id] ?? counted();
    if (unfiltered || spread === null) return { all: spread, passing: spread?.counts ?? null };
    if (values === undefined || density === undefined || all === null) return { all: spread, passing: null };
    const barsOfAll = kept(bars, values, () => barsOf(spread, values, density));
    return { all: spread, passing: countsOf(barsOfAll, all, bitOf(column.id)) };
  };
  const retryAll = () => {
    if (error !== null) retry();
    if (said.error !== null) said.retry();
    if (words.state === "failed") words.retry();
  };
  const failed = error ?? said.error ?? (words.state === "failed" ? words.error : null);
  return { rows: last.current, settled: rows !== null && (!searched || said.labels.length === n), columns, vocabulary, labelsRead: said.labels.length, histogram, error: failed, retry: retryAll };
}

/** The words of the tokens, which rows do not wait for. */
function useVocabulary(listed: Listed | null, wanted: boolean) {
  const now = listed !== null && wanted;
  return useLoadable(now ? "now" : "later", async () => (now ? listed.atlas.vocabulary() : null));
}

/** What was made of a column, once. */
function kept<T>(made: WeakMap<Values, T>, values: Values, make: () => T): T {
  const known = made.get(values) ?? make();
  made.set(values, known);
  return known;
}

function counting(n: number, descending: boolean): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  return descending ? order.reverse() : order;
}
