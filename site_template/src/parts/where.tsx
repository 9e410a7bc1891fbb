import { count, percent } from "../draw/format.ts";
import { useLoadable } from "../state/loadable.ts";
import type { WholeWindow } from "../state/whole-window.ts";
import type { Atlas } from "../store/atlas.ts";

interface Props {
  atlas: Atlas;
  document: number;
  /** Of the peak, in its document. */
  position: number;
  open: boolean;
  window: WholeWindow;
}

const WINDOW = { folded: "whole window", loading: "reading the window …", shown: "only the excerpt", failed: "the window can’t be read: try again" };

/** Where an example is: the document's number and the peak's position; of an open one all that is known. */
export function Where({ atlas, document, position, open, window }: Props) {
  if (!open) {
    return (
      <p class="where" title={`document ${count(document)}, token ${count(position)} of it`}>
        {count(document)} · {count(position)}
      </p>
    );
  }
  return (
    <p class="where">
      <Document {...{ atlas, document, position }} />
      <button type="button" aria-busy={window.state === "loading"} onClick={window.toggle} title="what else the model read with it; activations are kept for the excerpt only">
        {WINDOW[window.state]}
      </button>
    </p>
  );
}

/** The document's name, and how far into it the peak is. */
function Document({ atlas, document, position }: Omit<Props, "open" | "window">) {
  const read = async () => {
    const documents = await atlas.documents();
    const [name, { length }] = await Promise.all([documents.id(document), documents.passage(document, 0, 0)]);
    return { name, length };
  };
  const told = useLoadable(String(document), read);
  if (told.state === "loading") return <span class="document">…</span>;
  if (told.state === "failed") return <span class="document">document {count(document)}: its name can’t be read</span>;
  const { name, length } = told.value;
  return (
    <>
      <span class="document">{name}</span>
      <span>
        token {count(position)} of {count(length)}, {percent(position / length)} into it
      </span>
      <span class="along" style={{ "--along": (position / length).toFixed(4) }} aria-hidden="true" />
    </>
  );
}
