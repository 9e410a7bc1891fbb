import { useEffect, useState } from "preact/hooks";
import { readConfig } from "../config.ts";
import { embeddedPane, offered, reframed } from "../state/embed.ts";

/** Under an embedded pane: of what it is, and the way to the whole page. */
export function EmbedFoot({ address, title }: { address: string; title: string }) {
  const pane = embeddedPane();
  const [missing, setMissing] = useState(false);
  useEffect(() => setMissing(pane !== null && document.querySelector(`.p-${CSS.escape(pane)}`) === null), [pane, address]);
  if (pane === null) return null;
  const { foreign } = readConfig();
  return (
    <>
      {missing && (
        <p class="notice" role="alert">
          There is no pane “{pane}” here. There are: {[...offered].join(", ")}.
        </p>
      )}
      <footer class="embed-foot">
        <a href={reframed(null)} target="_blank" rel="noopener">
          {address} ↗
        </a>
        <span class="quiet">
          {title}
          {foreign !== null && `, read from ${URL.canParse(foreign) ? new URL(foreign).host : foreign}`}
        </span>
      </footer>
    </>
  );
}
