import { useEffect, useState } from "preact/hooks";
import { parseAddress } from "../state/address.ts";

interface Props {
  id: string;
  /** What the address is for, for screen readers. */
  label: string;
  at: string;
  /** Dictionaries to choose from. */
  dictionaries: readonly string[];
  onGo: (address: string) => void;
}

/** A field that holds an address and takes another one; a number alone stays in the dictionary. */
export function AddressField({ id, label, at, dictionaries, onGo }: Props) {
  const [text, setText] = useState(at);
  const [wrong, setWrong] = useState(false);
  useEffect(() => {
    setText(at);
    setWrong(false);
  }, [at]);
  const submit = (event: Event) => {
    event.preventDefault();
    const here = parseAddress(at)?.dictionary;
    const address = /^\d+$/.test(text.trim()) && here !== undefined ? `${here}/${Number(text)}` : text.trim();
    const known = parseAddress(address) !== null;
    setWrong(!known);
    if (!known) return;
    document.getElementById(id)?.blur();
    onGo(address);
  };
  return (
    <form class="address-field" onSubmit={submit}>
      <input
        id={id}
        type="text"
        value={text}
        placeholder="dictionary/index"
        aria-label={label}
        aria-invalid={wrong}
        list={`${id}-known`}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setWrong(false);
        }}
      />
      <datalist id={`${id}-known`}>
        {dictionaries.map((each) => (
          <option key={each} value={`${each}/`} />
        ))}
      </datalist>
      {wrong && (
        <span class="wrong" role="alert">
          an address is dictionary/index, as mlp_post.2/17
        </span>
      )}
    </form>
  );
}
