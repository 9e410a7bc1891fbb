/** One's own list of this site and atlas, kept by the browser; where it keeps nothing, until the page is left. */
import { useLayoutEffect, useState } from "preact/hooks";
import { readConfig } from "../config.ts";
import { openAtlas } from "./opened.ts";
import { EMPTY, type List, readFile, toJson } from "./starred.ts";

const CHANGED = "own-list";
let memory: List | null = null;

function key(): string {
  const { root, atlas } = readConfig();
  return `feature-atlas list ${new URL(root || "./", location.href).pathname} ${new URL(atlas, location.href).href}`;
}

/** The list as it is now; what another tab changed is seen. */
export function ownList(): List {
  if (memory !== null) return memory;
  try {
    const kept = localStorage.getItem(key());
    return kept === null ? EMPTY : readFile("the list that this browser keeps", kept);
  } catch {
    // Not allowed to look, or not readable: then there is none, and what is added is held by the page.
    return EMPTY;
  }
}

/** Whether the list outlives the page. */
export function isLasting(): boolean {
  return memory === null;
}

/** Changes the list as it is now. */
export function changeOwnList(edit: (list: List) => List): void {
  const list = edit(ownList());
  try {
    localStorage.setItem(key(), toJson(list, readConfig().atlas));
    memory = null;
  } catch {
    memory = list; // full, or not allowed; the pages say so
  }
  dispatchEvent(new Event(CHANGED));
}

/** Adds an item, or takes it away. */
export async function toggleStar(address: string): Promise<void> {
  const { builtRun: run } = await openAtlas(readConfig().atlas);
  changeOwnList((list) => {
    const items = list.items.filter((item) => item.address !== address);
    if (items.length < list.items.length) return { ...list, items };
    return { ...list, run: items.length === 0 ? run : list.run, items: [...items, { address, note: "" }] };
  });
}

/** Calls back whenever the list changes, here or in another tab. */
export function followOwnList(changed: () => void): () => void {
  addEventListener(CHANGED, changed);
  addEventListener("storage", changed);
  return () => {
    removeEventListener(CHANGED, changed);
    removeEventListener("storage", changed);
  };
}

export function useOwnList(): List {
  const [list, setList] = useState(ownList);
  // A layout effect: a star may be pressed as soon as it is there.
  useLayoutEffect(() => followOwnList(() => setList(ownList())), []);
  return list;
}
