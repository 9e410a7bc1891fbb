import { useRef } from "preact/hooks";
import { useLoadable } from "../state/loadable.ts";
import type { Tab } from "../state/tabs.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Head, Heads, HeadSection, HeadWindow } from "../store/heads.ts";
import { Failed } from "./failed.tsx";
import { HeadWindowView } from "./head-window-view.tsx";
import { PairRow } from "./pair-row.tsx";
import { TabList } from "./tab-list.tsx";
import { Terms } from "./terms.tsx";

const TABS: readonly { id: HeadSection; name: string; says: string }[] = [
  { id: "write", name: "by write norm", says: "The windows with the largest attention × norm of what it writes, ‖v W_O‖, at one pair: outlined the query, warm the key." },
  { id: "attention", name: "by attention", says: "The windows with most attention to earlier tokens, each query’s largest summed: outlined the query of the largest, warm its key." },
  { id: "random", name: "random", says: "Windows drawn uniformly: outlined the query, warm the key of the pair of largest write norm." },
];

interface Props {
  atlas: Atlas;
  heads: Heads;
  head: Head;
  vocabulary: Vocabulary;
  root: string;
  show: string;
  example: number;
  onShow: (id: string) => void;
  onExample: (n: number) => void;
}

/** The example windows of one section: a list to choose from, and the chosen one whole. */
export function HeadWindows({ atlas, heads, head, vocabulary, root, show, example, onShow, onExample }: Props) {
  const tabs: Tab[] = TABS.map(({ id, name, says }) => ({ id, name, says, share: "", range: null, rows: filled(heads, head, id) }));
  const current = tabs.find(({ id }) => id === show) ?? (tabs[0] as Tab);
  const chosen = current.rows[example] ?? current.rows[0];
  return (
    <>
      <TabList tabs={tabs} current={current} onShow={onShow} />
      <p class="quiet says">{current.says}</p>
      <div id="examples" role="tabpanel" aria-labelledby={`tab-${current.id}`}>
        <List key={current.id} by={current.id === "attention" ? "attention" : "write"} rows={current.rows} chosen={chosen} {...{ heads, head, vocabulary, onExample }} />
        {chosen === undefined ? (
          <p class="quiet empty">No window.</p>
        ) : (
          <Chosen row={chosen} {...{ atlas, heads, head, vocabulary }} />
        )}
        <Terms atlas={atlas} root={root} />
      </div>
    </>
  );
}

function filled(heads: Heads, head: Head, section: HeadSection): number[] {
  const [from, to] = heads.sections[section];
  const rows = Array.from({ length: to - from }, (_, i) => from + i);
  return rows.filter((row) => (head.ints.example_length[row] ?? 0) > 0);
}

interface ListProps {
  by: "write" | "attention";
  rows: readonly number[];
  chosen: number | undefined;
  heads: Heads;
  head: Head;
  vocabulary: Vocabulary;
  onExample: (n: number) => void;
}

function List({ by, rows, chosen, heads, head, vocabulary, onExample }: ListProps) {
  const tokens = useLoadable(rows.join(), (signal) => Promise.all(rows.map((row) => heads.tokens(head, row, signal))));
  if (tokens.state === "failed") return <Failed error={tokens.error} retry={tokens.retry} />;
  return (
    <ol class="pairs" aria-label="windows">
      {rows.map((row, n) => (
        <PairRow key={row} types={tokens.state === "ready" ? tokens.value[n] : undefined} chosen={row === chosen} onChoose={() => onExample(n)} {...{ by, row, head, vocabulary }} />
      ))}
    </ol>
  );
}

interface ChosenProps {
  row: number;
  atlas: Atlas;
  heads: Heads;
  head: Head;
  vocabulary: Vocabulary;
}

/** The chosen window; while the next one loads, the last one stays. */
function Chosen({ row, atlas, heads, head, vocabulary }: ChosenProps) {
  const loaded = useLoadable(String(row), (signal) => heads.window(head, row, signal));
  const last = useRef<{ row: number; window: HeadWindow } | null>(null);
  if (loaded.state === "failed") return <Failed error={loaded.error} retry={loaded.retry} />;
  if (loaded.state === "ready") last.current = { row, window: loaded.value };
  if (last.current === null) return <div class="skeleton" aria-busy="true" />;
  return (
    <div aria-busy={loaded.state === "loading"} data-window={last.current.row}>
      <HeadWindowView key={last.current.row} {...last.current} {...{ atlas, head, vocabulary }} />
    </div>
  );
}
