import { useState } from "preact/hooks";
import { NEEDS } from "../store/foreign.ts";

/** A field for the URL of an atlas, and what its host must do. */
export function OpenForm({ place }: { place: string }) {
  const [text, setText] = useState(place);
  const open = (event: Event) => {
    event.preventDefault();
    if (text.trim() !== "") location.href = `open.html?${new URLSearchParams({ atlas: text.trim() })}`;
  };
  return (
    <div class="open" data-ready={place === "" ? "form" : undefined}>
      <h1>Open an atlas</h1>
      <form onSubmit={open}>
        <label for="atlas">URL of its folder, the one that holds atlas.json</label>
        <div>
          <input id="atlas" type="text" inputMode="url" value={text} placeholder="https://example.org/atlas" autocomplete="off" spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} />
          <button type="submit">open</button>
        </div>
      </form>
      <p class="quiet">
        These pages then show that atlas instead of their own. It is read by your browser straight from its host; nobody else is asked, and no cookies are sent. All text in it is shown as text.
      </p>
      <h2>What its host must do</h2>
      <dl class="glossary">
        {NEEDS.map(([what, why]) => (
          <div key={what}>
            <dt>
              <code>{what}</code>
            </dt>
            <dd>{why}</dd>
          </div>
        ))}
      </dl>
      <p class="quiet">
        <code>atlas serve SITE</code> does all of it, on your own machine. Over https a page can read only https, or this machine.
      </p>
    </div>
  );
}
