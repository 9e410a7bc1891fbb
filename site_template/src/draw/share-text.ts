/** What is handed on as text. */
import { reframed } from "../state/embed.ts";

export interface PaneHere {
  id: string;
  name: string;
  element: HTMLElement;
}

/** Footer and margins of a frame, in pixels. */
const AROUND = 56;
const TALLEST = 720;

/** The panes of the page as it is. */
export function panesHere(): PaneHere[] {
  return [...document.querySelectorAll<HTMLElement>("section.pane")].map((element) => {
    const id = /\bp-([\w-]+)/.exec(element.className)?.[1] ?? "";
    return { id, name: element.querySelector("h2")?.textContent ?? id, element };
  });
}

/** An `iframe` of one pane, as tall as the pane is here. */
export function embedCode({ id, name, element }: PaneHere, address: string): string {
  const height = Math.min(TALLEST, Math.ceil(element.scrollHeight) + AROUND);
  return `<iframe src="${escaped(reframed(id))}" title="${escaped(`${address}: ${name}`)}" width="100%" height="${height}" style="border: 0" loading="lazy"></iframe>`;
}

export function pythonLine(atlas: string, address: string): string {
  const [dictionary, index] = address.split("/");
  return `from feature_atlas import open_atlas; open_atlas(${JSON.stringify(atlas)})[${JSON.stringify(dictionary)}][${index}]`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
