import { inLine } from "../draw/glyphs.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Preview } from "../store/dictionary.ts";
import { NO_TOKEN, SNIPPET } from "../store/schema.gen.ts";
import { Cell } from "./cell.tsx";

interface Props {
  preview: Preview;
  /** Which of the row's snippets. */
  number: number;
  vocabulary: Vocabulary;
}

/** A snippet of a list row, cut around its hottest token. */
export function Snippet({ preview, number, vocabulary }: Props) {
  const at = number * 2 * SNIPPET;
  const types = preview.subarray(at, at + SNIPPET);
  const heats = [...preview.subarray(at + SNIPPET, at + 2 * SNIPPET)].filter((heat) => heat !== NO_TOKEN);
  const peak = heats.indexOf(Math.max(...heats));
  const cells = (from: number, to: number) =>
    heats.slice(from, to).map((heat, i) => <Cell key={i} glyph={inLine(vocabulary, types[from + i] ?? 0)} heat={heat / 255} />);
  return (
    <span class="strip line snippet">
      <span class="before">
        <span>{cells(0, Math.max(0, peak))}</span>
      </span>
      <span class="after">{cells(Math.max(0, peak), heats.length)}</span>
    </span>
  );
}
