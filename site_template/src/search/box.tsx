import { type ComponentChildren, render } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { count } from "../draw/format.ts";
import { type Result, type ResultGroup, resultGroups } from "../parts/result.tsx";
import { UnitSnippet } from "../parts/unit-snippet.tsx";
import { useFound } from "../state/find.ts";
import { go } from "../state/go.ts";

const FEW = 5;
/** A result that is passed over on the way to another is not worth a request. */
const REST = 150;

interface Props {
  input: HTMLInputElement;
  config: SiteConfig;
}

/** Makes the header's input a combobox: what is found opens below it. */
export function openBox(input: HTMLInputElement, panel: HTMLElement, config: SiteConfig): void {
  panel.replaceChildren();
  render(<Box input={input} config={config} />, panel);
}

function Box({ input, config }: Props) {
  const [open, setOpen] = useState(true);
  const [query, setQuery] = useState(input.value);
  const [active, setActive] = useState(-1);
  const { found, error } = useFound(config, query);
  const groups = found ? resultGroups(found, config.root).map(cut) : [];
  const results = groups.flatMap((group) => group.results);
  const current = results[active];
  const leave = (href: string) => {
    setOpen(false);
    input.blur();
    go(href);
  };
  useEffect(() => setActive(-1), [query]);
  useLayoutEffect(() => {
    input.setAttribute("aria-expanded", String(open && results.length > 0));
    if (open && current) input.setAttribute("aria-activedescendant", `found-${active}`);
    else input.removeAttribute("aria-activedescendant");
    (input.form as HTMLElement).dataset["open"] = String(open);
    (input.form as HTMLElement).dataset["found"] = open && found?.whole && found.query === input.value ? found.query : "";
    document.getElementById(`found-${active}`)?.scrollIntoView({ block: "nearest" });
    const panel = document.getElementById("search-panel") as HTMLElement;
    panel.hidden = !open;
    const press = (event: KeyboardEvent) => {
      if (event.isComposing) return;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step !== undefined) {
        event.preventDefault();
        setOpen(true);
        // -1, the input itself, is one of the places that the arrows go round.
        setActive(((active + 1 + step + results.length + 1) % (results.length + 1)) - 1);
      } else if (event.key === "Escape") {
        if (open) event.preventDefault();
        if (open && query !== "") setOpen(false);
        else leaveInput();
      } else if (event.key === "Enter" && current && open) {
        event.preventDefault();
        leave(current.href);
      }
    };
    const leaveInput = () => {
      setOpen(false);
      input.blur();
    };
    const type = () => {
      setOpen(true);
      setQuery(input.value);
    };
    const away = (event: FocusEvent) => {
      if (!(event.relatedTarget instanceof Node && input.form?.contains(event.relatedTarget))) setOpen(false);
    };
    const back = () => setOpen(true);
    const close = input.form?.querySelector(".close");
    input.addEventListener("keydown", press);
    input.addEventListener("input", type);
    input.addEventListener("focus", back);
    input.form?.addEventListener("focusout", away);
    input.form?.addEventListener("submit", leaveInput);
    close?.addEventListener("click", leaveInput);
    return () => {
      input.removeEventListener("keydown", press);
      input.removeEventListener("input", type);
      input.removeEventListener("focus", back);
      input.form?.removeEventListener("focusout", away);
      input.form?.removeEventListener("submit", leaveInput);
      close?.removeEventListener("click", leaveInput);
    };
  });
  const first = groups.map((_, i) => groups.slice(0, i).reduce((sum, group) => sum + group.results.length, 0));
  return (
    // The input keeps the focus while its results are clicked.
    <div class="found" onMouseDown={(event) => event.preventDefault()}>
      <p class="unseen" role="status">
        {open && found?.whole && found.query !== "" && `${results.length} results`}
      </p>
      {error && (
        <p class="quiet" role="alert">
          {error.message}. {error.remedy}.
        </p>
      )}
      {query === "" && (
        <p class="quiet">
          A token, words of labels or of text, or an address, as <code>{exampleAddress(found?.atlas.manifest.dictionaries)}</code>.
        </p>
      )}
      {found?.note && <p class="quiet">{found.note}.</p>}
      <div class="options" role="listbox" id="search-list" aria-label="what was found">
        {groups.map(({ name, all, results: shown }, i) => (
          <div key={name} role="group" aria-labelledby={`found-group-${i}`}>
            <div class="group-name quiet" id={`found-group-${i}`} role="presentation">
              {name} {all > shown.length && <span>{count(shown.length)} of {count(all)}</span>}
            </div>
            {shown.map((result, row) => {
              const at = (first[i] ?? 0) + row;
              return <Option key={result.key} at={at} chosen={at === active} {...{ result, setActive }} onGo={leave} />;
            })}
          </div>
        ))}
      </div>
      {found?.whole && query !== "" && results.length === 0 && !found.note && <p class="quiet">Nothing fits.</p>}
      {found?.whole && found.texts === null && <p class="quiet">This atlas was made without an index of words: labels and texts are not searched.</p>}
      {!found?.whole && !error && <p class="quiet">searching…</p>}
      <p class="foot">
        {current?.address && found ? (
          <Rested key={current.key}>
            <UnitSnippet address={current.address} atlas={found.atlas} vocabulary={found.vocabulary} />
          </Rested>
        ) : (
          <span class="quiet">
            <kbd>↑ ↓</kbd> choose <kbd>Enter</kbd> {current ? "open" : "all results"} <kbd>Esc</kbd> close
          </span>
        )}
      </p>
    </div>
  );
}

interface OptionProps {
  result: Result;
  at: number;
  chosen: boolean;
  setActive: (at: number) => void;
  onGo: (href: string) => void;
}

function Option({ result, at, chosen, setActive, onGo }: OptionProps) {
  const follow = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    onGo(result.href);
  };
  return (
    <a id={`found-${at}`} class="option" role="option" aria-selected={chosen} tabIndex={-1} href={result.href} onClick={follow} onPointerMove={() => setActive(at)}>
      {result.show}
    </a>
  );
}

/** Shows what is in it after a rest. */
function Rested({ children }: { children: ComponentChildren }) {
  const [rested, setRested] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setRested(true), REST);
    return () => clearTimeout(timer);
  }, []);
  return <>{rested && children}</>;
}

function cut({ name, results }: ResultGroup): ResultGroup & { all: number } {
  return { name, all: results.length, results: results.slice(0, FEW) };
}

function exampleAddress(dictionaries: readonly { id: string }[] | undefined): string {
  return `${dictionaries?.[dictionaries.length - 1]?.id ?? "mlp_post.2"}/17`;
}
