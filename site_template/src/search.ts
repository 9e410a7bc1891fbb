/** The search box in the header of every page: its keys at once, all else when it is first used. */
import { readConfig } from "./config.ts";
import { formatAddress, parseAddress } from "./state/address.ts";
import { go } from "./state/go.ts";
import { shownHere } from "./state/here.ts";
import { headHref, latentHref, searchHref } from "./state/url.ts";

const input = document.querySelector<HTMLInputElement>("#search");
const panel = document.getElementById("search-panel");
const HEADS = /^attn\.\d+$/;
const TYPING = "input:not([type=checkbox]), select, textarea, [contenteditable]";

if (input !== null && panel !== null) {
  const config = readConfig();
  const load = async () => {
    try {
      (await import("./more.ts")).openBox(input, panel, config);
    } catch {
      panel.textContent = "The search can’t be loaded; try again.";
      panel.hidden = false;
      input.addEventListener("focus", load, { once: true });
    }
  };
  input.addEventListener("focus", load, { once: true });
  input.form?.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    const here = shownHere(config);
    const address = parseAddress(/^\d+$/.test(text) && here !== null ? `${here}/${Number(text)}` : text);
    if (address === null) go(searchHref(config.root, input.value));
    else go((HEADS.test(address.dictionary) ? headHref : latentHref)(config.root, formatAddress(address)));
  });
  addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest(TYPING) !== null;
    const bare = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !typing;
    const chord = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    if (!(bare || chord) || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}
