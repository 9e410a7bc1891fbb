import { useRef, useState } from "preact/hooks";
import { inLine, inText, textOf } from "../draw/glyphs.ts";
import type { Around } from "../state/whole-window.ts";
import type { Vocabulary } from "../store/atlas.ts";
import { Cell } from "./cell.tsx";

/** Tokens of one window around a peak, with the activations of the whole window. */
export interface Excerpt {
  types: readonly number[];
  activations: readonly number[];
  peak: number;
  /** Position in the document of the first token. */
  position: number;
}

/** A token that is pointed at, and where on the page it is. */
export interface Pointed {
  excerpt: Excerpt;
  index: number;
  element: HTMLElement;
}

interface Props {
  excerpt: Excerpt;
  /** Activation of full heat. */
  full: number;
  /** The whole excerpt, rather than one line cut around the peak. */
  open: boolean;
  /** What of the window lies outside the excerpt, where that is shown too. */
  around: Around | null;
  vocabulary: Vocabulary;
  onPoint: (pointed: Pointed | null) => void;
}

/** What of an excerpt fits into a line, on the widest screen. */
const BEFORE = 26;
const AFTER = 18;

/** An excerpt with its heat. Peaks of closed strips stand below one another. Arrow keys walk along it. */
export function Strip({ excerpt, full, open, around, vocabulary, onPoint }: Props) {
  const { types, activations, peak } = excerpt;
  const [reached, setReached] = useState(peak);
  const strip = useRef<HTMLDivElement>(null);
  const first = open ? 0 : Math.max(0, peak - BEFORE);
  const last = open ? types.length : Math.min(types.length, peak + AFTER);
  const point = (event: Event) => {
    const element = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>("[data-index]") : null;
    onPoint(element && { excerpt, index: Number(element.dataset["index"]), element });
    if (event.type === "focusin" && element) setReached(Number(element.dataset["index"]));
  };
  const walk = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(last - 1, Math.max(first, reached + step));
    strip.current?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus({ preventScroll: !open });
  };
  const copy = (event: ClipboardEvent) => {
    const selection = getSelection();
    const cells = [...(strip.current?.querySelectorAll<HTMLElement>("[data-index]") ?? [])];
    const chosen = cells.filter((cell) => selection?.containsNode(cell, true)).map((cell) => types[Number(cell.dataset["index"])] ?? 0);
    event.clipboardData?.setData("text/plain", chosen.map((type) => textOf(vocabulary, type)).join(""));
    event.preventDefault();
  };
  const cells = (from: number, to: number) =>
    types.slice(from, to).map((type, offset) => {
      const index = from + offset;
      return (
        <Cell
          key={index}
          glyph={(open ? inText : inLine)(vocabulary, type)}
          heat={full > 0 ? (activations[index] ?? 0) / full : 0}
          peak={index === peak}
          index={index}
          reached={index === Math.min(last - 1, Math.max(first, reached))}
        />
      );
    });
  return (
    <div
      class={open ? "strip whole" : "strip line"}
      ref={strip}
      role="group"
      aria-label="excerpt; arrow keys walk along its tokens"
      onKeyDown={walk}
      onCopy={copy}
      onPointerOver={point}
      onFocusIn={point}
      onPointerLeave={() => onPoint(null)}
      onFocusOut={() => onPoint(null)}
    >
      {open ? (
        <>
          {around && <Beyond types={around.before} vocabulary={vocabulary} />}
          {cells(first, last)}
          {around && <Beyond types={around.after} vocabulary={vocabulary} />}
        </>
      ) : (
        <>
          <span class="before">
            <span>{cells(first, peak)}</span>
          </span>
          <span class="after">{cells(peak, last)}</span>
        </>
      )}
    </div>
  );
}

/** Tokens without heat: what is not stored of them is not drawn as 0. */
function Beyond({ types, vocabulary }: { types: readonly number[]; vocabulary: Vocabulary }) {
  return <span class="beyond">{types.map((type) => inText(vocabulary, type).text).join("")}</span>;
}
