import { useLayoutEffect } from "preact/hooks";

const TYPING = "input:not([type=checkbox]), select, textarea, [contenteditable]";

/** Single keys, never while text is typed, a dialog is open, or a modifier is held. */
export function useKeys(keys: Record<string, () => void>): void {
  // A layout effect: the next key press must already meet the keys of this render.
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent) => {
      const action = keys[event.key];
      if (action === undefined || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (event.target instanceof Element && event.target.closest(TYPING)) return;
      if (document.querySelector("dialog[open]")) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
}
