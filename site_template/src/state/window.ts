import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** Of a scrolling list whose rows are `--row` high: the rows in sight. */
export interface RowWindow {
  first: number;
  last: number;
  /** Height of a row in pixels. */
  row: number;
}

/** Rows drawn beyond those in sight, on either side. */
const SPARE = 2;

export function useRowWindow(list: RefObject<HTMLElement | null>, n: number): RowWindow {
  const [view, setView] = useState({ top: 0, height: 600, row: 30 });
  useLayoutEffect(() => {
    const element = list.current;
    if (element === null) return;
    const measure = () => {
      const row = Number.parseFloat(getComputedStyle(element).getPropertyValue("--row"));
      setView({ top: element.scrollTop, height: element.clientHeight, row });
    };
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    measure();
    return () => {
      watch.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);
  const first = Math.max(0, Math.floor(view.top / view.row) - SPARE);
  const last = Math.min(n, Math.ceil((view.top + view.height) / view.row) + SPARE);
  return { first: Math.min(first, n), last, row: view.row };
}
