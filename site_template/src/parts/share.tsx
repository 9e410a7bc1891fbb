import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

export interface Shared {
  address: string;
  kind: "latent" | "head";
}

/** A menu of ways to hand on what the page shows; it is loaded when it is first opened. */
export function Share(props: Shared) {
  const menu = useRef<HTMLDetailsElement>(null);
  const [Menu, setMenu] = useState<ComponentType<Shared> | null>(null);
  useEffect(() => {
    const close = (event: Event) => {
      const details = menu.current;
      if (!details?.open) return;
      if (event instanceof KeyboardEvent ? event.key !== "Escape" : details.contains(event.target as Node)) return;
      details.open = false;
      if (event instanceof KeyboardEvent) details.querySelector("summary")?.focus();
    };
    addEventListener("keydown", close);
    addEventListener("pointerdown", close);
    return () => {
      removeEventListener("keydown", close);
      removeEventListener("pointerdown", close);
    };
  }, []);
  const load = () => void import("../more.ts").then(({ ShareMenu }) => setMenu(() => ShareMenu));
  return (
    <details class="share" ref={menu} onToggle={load}>
      <summary class="button">share</summary>
      <div class="share-menu">{Menu === null ? <p class="quiet">…</p> : <Menu {...props} />}</div>
    </details>
  );
}
