import { number } from "../draw/format.ts";

/** What the heat stands for: one hue from 0 to `full`, a second one below 0. */
export function Scale({ full, twoSigned }: { full: number; twoSigned: boolean }) {
  const low = twoSigned ? number(-full) : "0";
  return (
    <p class="scale" aria-label={`heat runs from ${low} to ${number(full)}`}>
      {low}
      <span class={twoSigned ? "ramp two" : "ramp"} />
      {number(full)}
    </p>
  );
}
