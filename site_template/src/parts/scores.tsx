import { count, number, score } from "../draw/format.ts";
import { headDefinitionHref } from "../state/url.ts";
import type { Head } from "../store/heads.ts";
import { HEAD_DOCS, type Metric } from "../store/schema.gen.ts";

/** Scores between -1 and 1 have a bar; the others are only numbers. */
const SHOWN: readonly [Metric, string, boolean][] = [
  ["random_prev_token_score", "previous token, random tokens", true],
  ["random_duplicate_token_score", "duplicate token, random tokens", true],
  ["random_induction_score", "induction, random tokens", true],
  ["prev_token_score", "previous token", true],
  ["duplicate_token_score", "duplicate token", true],
  ["induction_score", "induction", true],
  ["self_attention_score", "itself", true],
  ["first_position_score", "first position", true],
  ["copying_score", "copying", true],
  ["mean_max_attention", "mean largest", true],
  ["pattern_entropy", "entropy", false],
  ["qk_distance", "distance", false],
  ["qk_distance_variance", "distance, variance", false],
  ["max_write_norm", "largest write norm", false],
];

interface Props {
  head: Head;
  counted: number;
  root: string;
}

/** Every score with its definition. */
export function Scores({ head, counted, root }: Props) {
  return (
    <>
      <dl class="statistics scores">
        {SHOWN.map(([field, name, barred]) => {
          const value = head.floats[field][0] ?? 0;
          const below = value < 0 ? " below" : "";
          return (
            <div key={field}>
              <dt>
                <a href={headDefinitionHref(root, field)}>{name}</a> <span class="quiet">{HEAD_DOCS[field]}</span>
              </dt>
              <dd>
                {barred && <span class={`track${below}`} style={{ "--width": Math.min(1, Math.abs(value)).toFixed(3) }} />}
                <span class="value">{(barred ? score : number)(value)}</span>
              </dd>
            </div>
          );
        })}
      </dl>
      <p class="quiet">
        Over {count(counted)} counted tokens; duplicate token over {count(head.ints.duplicate_queries[0] ?? 0)} of them, induction over{" "}
        {count(head.ints.induction_queries[0] ?? 0)}.
      </p>
    </>
  );
}
