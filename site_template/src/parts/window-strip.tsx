import { useRef } from "preact/hooks";
import { inText, textOf } from "../draw/glyphs.ts";
import type { Side } from "../state/pattern.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { HeadWindow } from "../store/heads.ts";
import { Cell } from "./cell.tsx";

interface Props {
  window: HeadWindow;
  vocabulary: Vocabulary;
  side: Side;
  at: { query: number; key: number };
  /** Heat by token, 0 where there is none. */
  heats: ReadonlyMap<number, number>;
  onPoint: (index: number | null) => void;
  onChoose: (index: number) => void;
}

/** All tokens of a window; the one told of is outlined, what it looks at is warm. Arrow keys walk along it. */
export function WindowStrip({ window, vocabulary, side, at, heats, onPoint, onChoose }: Props) {
  const strip = useRef<HTMLDivElement>(null);
  const n = window.types.length;
  const here = at[side];
  const indexOf = (event: Event) => {
    const cell = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-index]") : null;
    return cell === null ? null : Number(cell.dataset["index"]);
  };
  const choose = (event: Event) => {
    const index = indexOf(event);
    if (index !== null) onChoose(index);
  };
  const walk = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(n - 1, Math.max(0, here + step));
    strip.current?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus();
  };
  const copy = (event: ClipboardEvent) => {
    const selection = getSelection();
    const cells = [...(strip.current?.querySelectorAll<HTMLElement>("[data-index]") ?? [])];
    const chosen = cells.filter((cell) => selection?.containsNode(cell, true)).map((cell) => window.types[Number(cell.dataset["index"])] ?? 0);
    event.clipboardData?.setData("text/plain", chosen.map((type) => textOf(vocabulary, type)).join(""));
    event.preventDefault();
  };
  return (
    <div
      class="strip whole"
      ref={strip}
      role="group"
      aria-label="the window; arrow keys walk along its tokens"
      onPointerOver={(event) => onPoint(indexOf(event))}
      onPointerLeave={() => onPoint(null)}
      onClick={choose}
      onFocusIn={choose}
      onKeyDown={walk}
      onCopy={copy}
    >
      {Array.from(window.types, (type, index) => (
        <Cell key={index} glyph={inText(vocabulary, type)} heat={heats.get(index) ?? 0} peak={index === here} index={index} reached={index === here} />
      ))}
    </div>
  );
}
