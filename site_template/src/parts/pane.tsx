import type { ComponentChildren } from "preact";
import { embeddedPane, offered } from "../state/embed.ts";

/** A titled part of a page; in a frame, the only one or none. */
export function Pane({ name, id, children }: { name: string; id: string; children: ComponentChildren }) {
  const only = embeddedPane();
  offered.add(id);
  if (only !== null && only !== id) return null;
  return (
    <section class={`pane p-${id}`} aria-labelledby={`h-${id}`}>
      <h2 id={`h-${id}`} aria-level={only === null ? undefined : 1}>
        {name}
      </h2>
      {children}
    </section>
  );
}

/** What only a whole page has. */
export function Whole({ children }: { children: ComponentChildren }) {
  return embeddedPane() === null ? <>{children}</> : null;
}
