import { percent, score } from "../draw/format.ts";
import { type Glance, glance } from "../state/glance.ts";
import { useLoadable } from "../state/loadable.ts";
import type { Item } from "../state/starred.ts";
import type { Atlas } from "../store/atlas.ts";
import type { Head } from "../store/heads.ts";
import { Snippet } from "./snippet.tsx";
import { Token } from "./token.tsx";

interface Props {
  item: Item;
  atlas: Atlas;
  href: string;
  /** Absent on a list that is not one's own. */
  edit?: { first: boolean; last: boolean; onMove: (by: number) => void; onRemove: () => void; onNote: (note: string) => void };
}

/** A latent or a head of a list: what it is at a glance, and what is noted of it. */
export function StarredRow({ item: { address, note }, atlas, href, edit }: Props) {
  const loaded = useLoadable(address, () => glance(atlas, address));
  return (
    <li class="starred-row">
      <p class="at">
        <a href={href}>{address}</a>
        {loaded.state === "ready" && loaded.value.type !== null && <Token type={loaded.value.type} vocabulary={loaded.value.vocabulary} />}
      </p>
      <div class="glance">
        {loaded.state === "failed" && <span class="quiet">{loaded.error.message}</span>}
        {loaded.state === "ready" && <Told {...loaded.value} />}
      </div>
      {edit === undefined ? (
        <p class="note">{note}</p>
      ) : (
        <input class="note" type="text" value={note} placeholder="note" aria-label={`note on ${address}`} onChange={(event) => edit.onNote(event.currentTarget.value)} />
      )}
      {edit && (
        <p class="moves">
          <button type="button" disabled={edit.first} aria-label={`move ${address} up`} onClick={() => edit.onMove(-1)}>
            ↑
          </button>
          <button type="button" disabled={edit.last} aria-label={`move ${address} down`} onClick={() => edit.onMove(1)}>
            ↓
          </button>
          <button type="button" aria-label={`remove ${address}`} onClick={edit.onRemove}>
            ×
          </button>
        </p>
      )}
    </li>
  );
}

function Told({ head, label, density, preview, vocabulary }: Glance) {
  if (head !== null) return <span class="quiet">head: {kindOf(head)}</span>;
  return (
    <>
      <span class="value">{density === 0 ? "dead" : percent(density ?? 0)}</span>
      {label !== "" && <span class="label">{label}</span>}
      {preview && density !== 0 && <Snippet number={0} {...{ preview, vocabulary }} />}
    </>
  );
}

function kindOf({ floats }: Head): string {
  const scores = [
    ["induction", floats.random_induction_score[0] ?? 0],
    ["previous token", floats.random_prev_token_score[0] ?? 0],
    ["duplicate token", floats.random_duplicate_token_score[0] ?? 0],
  ] as const;
  return scores.map(([name, value]) => `${name} ${score(value)}`).join(" · ");
}
