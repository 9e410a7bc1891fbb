import { useState } from "preact/hooks";
import { forgetKey, keepKey, keyKept } from "../store/key.ts";

/** Asks for the SAS token of an atlas that its host does not let everybody read. */
export function KeyForm() {
  const [pasted, setPasted] = useState("");
  const [wrong, setWrong] = useState("");
  const refused = keyKept() !== null;
  const keep = (event: Event) => {
    event.preventDefault();
    try {
      if (!keepKey(pasted)) return setWrong("This is no SAS token: one holds sv= and sig=");
      location.reload();
    } catch {
      setWrong("This browser keeps nothing for this page: allow it to, in this tab");
    }
  };
  const forget = () => {
    forgetKey();
    location.reload();
  };
  return (
    <form class="key" onSubmit={keep}>
      <label for="key">{refused ? "The SAS token given before does not open this atlas, or has expired. Paste another" : "If this atlas is private: paste a SAS token that may read it"}</label>
      <div>
        <input id="key" type="password" value={pasted} autocomplete="off" spellcheck={false} onInput={(event) => setPasted(event.currentTarget.value)} />
        <button type="submit">open</button>
        {refused && (
          <button type="button" onClick={forget}>
            forget it
          </button>
        )}
      </div>
      <p class="quiet" role="status">
        {wrong || "It stays in this tab until you close it, goes to the atlas’s host alone, and is in no link that you copy."}
      </p>
    </form>
  );
}
