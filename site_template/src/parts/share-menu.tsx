import { useState } from "preact/hooks";
import { readConfig } from "../config.ts";
import { embedCode, panesHere, pythonLine } from "../draw/share-text.ts";
import { panePng, paneSvg } from "../draw/pane-svg.ts";
import { headTable, headJson, latentJson, latentTable } from "../state/share-data.ts";
import { asAtlasError } from "../store/errors.ts";
import { download } from "./list-files.tsx";
import type { Shared } from "./share.tsx";

/** Links, code, data and drawings of what the page shows. */
export function ShareMenu({ address, kind }: Shared) {
  const panes = panesHere();
  const [chosen, setPane] = useState(panes[0]?.id ?? "");
  const [said, setSaid] = useState("");
  const [shown, setShown] = useState<string | null>(null);
  const pane = panes.find(({ id }) => id === chosen) ?? panes[0];
  /** Does something and says what was done. */
  const act = (action: () => Promise<string>) => async () => {
    setShown(null);
    try {
      setSaid(await action());
    } catch (error) {
      setSaid(asAtlasError(error).message);
    }
  };
  /** Where a browser lets no page write to the clipboard, the text is shown to be copied by hand. */
  const copy = (what: string, text: () => string | Promise<string>) =>
    act(async () => {
      const written = await text();
      const copied = await navigator.clipboard?.writeText(written).then(() => true, () => false);
      if (!copied) setShown(written);
      return copied ? `${what} copied` : "copy this:";
    });
  const save = (name: string, type: string, content: () => BlobPart | Promise<BlobPart>) =>
    act(async () => {
      download(name, type, await content());
      return "saved";
    });
  const atlas = () => new URL(readConfig().atlas, location.href).href;
  const json = () => (kind === "latent" ? latentJson(address) : headJson(address));
  const table = () => (kind === "latent" ? latentTable(address) : headTable(address));
  const name = `${address}-${chosen}`;
  const button = (says: string, onClick: () => void) => (
    <button type="button" onClick={onClick}>
      {says}
    </button>
  );
  return (
    <>
      <div>
        {button("copy link", copy("link", () => location.href))}
        {button("copy Python", copy("Python", () => pythonLine(atlas(), address)))}
        {button("copy JSON", copy("JSON", json))}
        {button("save examples as CSV", save(`${address}.csv`, "text/csv", table))}
      </div>
      <label>
        pane{" "}
        <select value={chosen} onChange={(event) => setPane(event.currentTarget.value)}>
          {panes.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {pane && (
        <div>
          {button("copy embed code", copy("embed code", () => embedCode(pane, address)))}
          {button("save as SVG", save(`${name}.svg`, "image/svg+xml", () => paneSvg(pane.element)))}
          {button("save as PNG", save(`${name}.png`, "image/png", () => panePng(pane.element)))}
        </div>
      )}
      <p class="quiet" role="status">
        {said}
      </p>
      {shown !== null && <textarea readOnly rows={4} value={shown} aria-label="text to copy" ref={(area) => area?.select()} />}
    </>
  );
}
