import { number } from "../draw/format.ts";
import type { Place } from "../state/pattern.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { HeadWindow } from "../store/heads.ts";
import { Token } from "./token.tsx";

interface Props {
  at: Place;
  window: HeadWindow;
  vocabulary: Vocabulary;
}

/** The numbers of one pair, read out as one walks. */
export function Readout({ at, window, vocabulary }: Props) {
  const attention = window.looks[at.query]?.find(({ key }) => key === at.key)?.attention;
  return (
    <p class="readout" role="status">
      <End index={at.query} {...{ window, vocabulary }} /> → <End index={at.key} {...{ window, vocabulary }} />:{" "}
      {attention === undefined ? (
        <span class="quiet">less than 0.005, or not among the eight largest of the query</span>
      ) : (
        <>
          attention <b>{number(attention)}</b>, write norm <b>{number(attention * (window.norms[at.key] ?? 0))}</b>
        </>
      )}
    </p>
  );
}

function End({ index, window, vocabulary }: { index: number; window: HeadWindow; vocabulary: Vocabulary }) {
  return (
    <>
      <Token type={window.types[index] ?? 0} vocabulary={vocabulary} /> <span class="quiet">at {index}</span>
    </>
  );
}
