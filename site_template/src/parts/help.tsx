import { useRef } from "preact/hooks";
import { useKeys } from "../state/keys.ts";

/** A button, and the key `?`, that show the keys of the page. */
export function Help({ keys }: { keys: readonly [key: string, does: string][] }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = () => dialog.current?.showModal();
  useKeys({ "?": open });
  return (
    <>
      <button type="button" onClick={open} aria-label="keys" title="keys (?)">
        ?
      </button>
      <dialog ref={dialog} aria-label="keys">
        <dl class="keys">
          {[...keys, ["?", "these keys"] as const].map(([key, does]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <form method="dialog">
          <button type="submit">close</button>
        </form>
      </dialog>
    </>
  );
}
