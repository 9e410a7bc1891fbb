import type { ComponentChildren } from "preact";

/** A titled part of a page. */
export function Pane({ name, id, children }: { name: string; id: string; children: ComponentChildren }) {
  return (
    <section class={`pane p-${id}`} aria-labelledby={`h-${id}`}>
      <h2 id={`h-${id}`}>{name}</h2>
      {children}
    </section>
  );
}
