import { number } from "../draw/format.ts";

interface Props {
  /** Where heat ends; null if that is each example's own peak. */
  full: number | null;
  twoSigned: boolean;
}

/** What the heat stands for: one hue from 0 to `full`, a second one below 0. */
export function Scale({ full, twoSigned }: Props) {
  const high = full === null ? "its peak" : number(full);
  const low = !twoSigned ? "0" : full === null ? "−its peak" : number(-full);
  return (
    <p class="scale" role="img" aria-label={`heat runs from ${low} to ${high}`}>
      {low}
      <span class={twoSigned ? "ramp two" : "ramp"} />
      {high}
    </p>
  );
}
