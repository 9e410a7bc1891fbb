import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

/** Whether an element has come into sight; from then on true. */
export function useSeen(element: RefObject<Element | null>): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (element.current === null) return;
    const watch = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      setSeen(true);
      watch.disconnect();
    });
    watch.observe(element.current);
    return () => watch.disconnect();
  }, []);
  return seen;
}
