import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { RowWindow } from "./window.ts";

/** Arrow keys, Page Up and Down, Home and End move the focus along a list of which few rows are drawn. */
export function useRowKeys(list: RefObject<HTMLElement | null>, n: number, { page, reveal }: RowWindow): (event: KeyboardEvent) => void {
  const cursor = useRef(-1);
  const pending = useRef(false);
  const link = () => list.current?.querySelector<HTMLElement>(`[aria-rowindex="${cursor.current + 2}"] a`);
  // The row that the keys moved to may be drawn only after the list has scrolled there.
  useEffect(() => {
    if (!pending.current) return;
    pending.current = !link();
    link()?.focus({ preventScroll: true });
  });
  return (event) => {
    const element = list.current;
    if (element === null) return;
    const focused = event.target instanceof Element ? event.target.closest("[aria-rowindex]") : null;
    const at = focused ? Number(focused.getAttribute("aria-rowindex")) - 2 : cursor.current;
    const next = destination(event.key, at, n, page);
    if (next === null) return;
    event.preventDefault();
    cursor.current = next;
    pending.current = !link();
    (link() ?? element).focus({ preventScroll: true });
    reveal(next);
  };
}

/** The row that a key leads to from row `at`. */
function destination(key: string, at: number, n: number, page: number): number | null {
  const goals: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: n - 1,
  };
  const goal = goals[key];
  return goal === undefined || n === 0 ? null : Math.min(n - 1, Math.max(0, goal));
}
