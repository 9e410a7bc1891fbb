import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

const FEW = 6;

/** The first few rows of a long table, and a button that shows the rest. */
export function useMore(n: number): [shown: number, button: ComponentChildren] {
  const [all, setAll] = useState(false);
  const button = n > FEW && (
    <button type="button" aria-expanded={all} onClick={() => setAll(!all)}>
      {all ? "show fewer" : `show all ${n}`}
    </button>
  );
  return [all ? n : Math.min(n, FEW), button];
}
