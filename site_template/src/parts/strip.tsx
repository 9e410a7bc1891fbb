import { useRef, useState } from "preact/hooks";
import { glyphs, number } from "../draw/format.ts";
import type { Vocabulary } from "../store/atlas.ts";

export interface StripToken {
  type: number;
  activation: number;
}

interface Props {
  tokens: readonly StripToken[];
  peak: number;
  /** Position in the document of the first token. */
  position: number;
  /** Activation of full heat. */
  full: number;
  open: boolean;
  vocabulary: Vocabulary;
  onReadout: (text: string) => void;
}

const BEFORE = 14;
const AFTER = 10;

/** Tokens in reading order with their heat. Closed: the stretch around the peak. Arrow keys walk along it. */
export function Strip({ tokens, peak, position, full, open, vocabulary, onReadout }: Props) {
  const [focus, setFocus] = useState(peak);
  const list = useRef<HTMLSpanElement>(null);
  const first = open ? 0 : Math.max(0, peak - BEFORE);
  const last = open ? tokens.length : Math.min(tokens.length, peak + AFTER);
  const tell = (index: number) => {
    const token = tokens[index];
    if (token === undefined) return;
    const text = glyphs(vocabulary.text[token.type] ?? "", vocabulary.kind[token.type] ?? 0).text;
    onReadout(`“${text}” · token ${token.type} · position ${position + index} · activation ${number(token.activation)}`);
  };
  const walk = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const next = Math.min(last - 1, Math.max(first, focus + step));
    setFocus(next);
    list.current?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus();
  };
  return (
    <span class={open ? "strip open" : "strip"} ref={list} onKeyDown={walk} role="group" aria-label="tokens">
      {tokens.slice(first, last).map((token, offset) => {
        const index = first + offset;
        const drawn = glyphs(vocabulary.text[token.type] ?? "", vocabulary.kind[token.type] ?? 0);
        const heat = full > 0 ? Math.min(1, Math.abs(token.activation) / full) : 0;
        const names = ["cell", token.activation < 0 && "below", index === peak && "peak", drawn.faint && "faint"];
        return (
          <span
            key={index}
            data-index={index}
            class={names.filter(Boolean).join(" ")}
            style={{ "--heat": heat.toFixed(3) }}
            tabIndex={index === Math.max(first, Math.min(focus, last - 1)) ? 0 : -1}
            onPointerEnter={() => tell(index)}
            onClick={() => tell(index)}
            onFocus={() => {
              setFocus(index);
              tell(index);
            }}
          >
            {drawn.text}
          </span>
        );
      })}
    </span>
  );
}
