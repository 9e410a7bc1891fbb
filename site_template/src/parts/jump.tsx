import { useEffect, useState } from "preact/hooks";
import { parseAddress } from "../state/address.ts";

/** Goes to an address; a number alone stays in the dictionary. */
export function Jump({ at, onGo }: { at: string; onGo: (address: string) => void }) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  useEffect(() => setText(""), [at]);
  const submit = (event: Event) => {
    event.preventDefault();
    const here = parseAddress(at)?.dictionary;
    const address = /^\d+$/.test(text.trim()) && here !== undefined ? `${here}/${Number(text)}` : text.trim();
    const known = parseAddress(address) !== null;
    setWrong(!known);
    if (!known) return;
    document.getElementById("jump")?.blur();
    onGo(address);
  };
  return (
    <form class="jump" role="search" onSubmit={submit}>
      <input
        id="jump"
        type="text"
        value={text}
        placeholder="/  go to an address or a number"
        aria-label="go to an address, as mlp_post.2/17, or to a number of this dictionary"
        aria-invalid={wrong}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setWrong(false);
        }}
      />
      {wrong && (
        <span class="wrong" role="alert">
          an address is dictionary/index, as mlp_post.2/17
        </span>
      )}
    </form>
  );
}
