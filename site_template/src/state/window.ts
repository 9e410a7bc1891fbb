import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** Browsers draw no element higher than 17.9 (Firefox) to 33.5 million pixels: 500,000 rows stay below. */
const HIGHEST = 15_000_000;

/** Rows drawn beyond those in sight, on either side. */
const SPARE = 2;

/** Of a scrolling list whose rows are `--row` high, below a head of `--head` if it has one: the rows in sight. */
export interface RowWindow {
  first: number;
  last: number;
  /** How many fit below the head. */
  page: number;
  /** Of all rows in pixels, HIGHEST at most. */
  height: number;
  /** Where a row is drawn. */
  y: (at: number) => number;
  /** Scrolls no further than it takes to have a row in sight. */
  reveal: (at: number) => void;
}

/** Of rows that together are too high, the scroll bar passes more pixels of rows than its own. */
export function useRowWindow(list: RefObject<HTMLElement | null>, n: number): RowWindow {
  const [view, setView] = useState({ scrolled: 0, seen: 600, row: 30 });
  useLayoutEffect(() => {
    const element = list.current;
    if (element === null) return;
    const measure = () => {
      const style = getComputedStyle(element);
      const pixels = (name: string) => Number.parseFloat(style.getPropertyValue(name)) || 0;
      const [row, head] = [pixels("--row"), pixels("--head")];
      setView({ scrolled: element.scrollTop, seen: element.clientHeight - head, row });
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
  const { scrolled, seen, row } = view;
  const height = Math.min(n * row, HIGHEST);
  const speed = n * row > HIGHEST ? (n * row - seen) / (HIGHEST - seen) : 1;
  const top = scrolled * speed;
  const first = Math.min(n, Math.max(0, Math.floor(top / row) - SPARE));
  const last = Math.min(n, Math.ceil((top + seen) / row) + SPARE);
  const reveal = (at: number) => {
    const goal = Math.max((at + 1) * row - seen, Math.min(top, at * row));
    list.current?.scrollTo(list.current.scrollLeft, goal / speed);
  };
  return { first, last, page: Math.floor(seen / row), height, y: (at) => at * row - top + scrolled, reveal };
}
