import { useEffect, useState } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { count } from "../draw/format.ts";
import { CopyLink } from "../parts/copy-link.tsx";
import { Failed } from "../parts/failed.tsx";
import { ListFiles } from "../parts/list-files.tsx";
import { Slow } from "../parts/slow.tsx";
import { StarredRow } from "../parts/starred-row.tsx";
import { useLoadable } from "../state/loadable.ts";
import { openAtlas } from "../state/opened.ts";
import { changeOwnList, isLasting, useOwnList } from "../state/own-list.ts";
import { type List, listQuery, merged, packAddresses, readListQuery } from "../state/starred.ts";
import { anyHref, carried, useQuery } from "../state/url.ts";
import type { Atlas } from "../store/atlas.ts";

/** Beyond this servers and chats begin to cut links. */
const LONGEST_LINK = 4000;

/** One's own list, or the one that the query holds. */
export function ListPage({ config }: { config: SiteConfig }) {
  const [query, change] = useQuery();
  const opened = useLoadable(`${config.atlas} ${query}`, async () => ({ atlas: await openAtlas(config.atlas), shared: readListQuery(query) }));
  if (opened.state === "failed") return <Failed error={opened.error} retry={opened.retry} />;
  if (opened.state === "loading") return <Slow />;
  const { atlas, shared } = opened.value;
  const clear = () => change(Object.fromEntries([...query.keys()].filter((name) => name !== "atlas").map((name) => [name, null])));
  return shared === null ? <Own atlas={atlas} root={config.root} /> : <Shared list={shared} atlas={atlas} root={config.root} onKept={clear} />;
}

interface Props {
  atlas: Atlas;
  root: string;
}

/** The list that this browser keeps: to be arranged, noted on, and handed on. */
function Own({ atlas, root }: Props) {
  const list = useOwnList();
  const [before, setBefore] = useState<{ list: List; did: string }[]>([]);
  const { items, title } = list;
  const edit = (did: string, next: (list: List) => List) => {
    setBefore([...before, { list, did }]);
    changeOwnList(next);
  };
  const undo = () => {
    const last = before.at(-1);
    if (last === undefined) return;
    setBefore(before.slice(0, -1));
    changeOwnList(() => last.list);
  };
  const move = (at: number, by: number) => edit("moved one", (now) => ({ ...now, items: moved(now.items, at, by) }));
  const link = `list.html?${listQuery(list)}`;
  useEffect(() => {
    document.title = `${title || "list"} · ${atlas.manifest.title}`;
  }, [title]);
  return (
    <article class="starred-list" data-ready={items.length}>
      <header>
        <h1>
          <input type="text" value={title} placeholder="Your list" aria-label="title of the list" onChange={(event) => edit("gave it a title", (now) => ({ ...now, title: event.currentTarget.value }))} />
        </h1>
        <p class="acts">
          {items.length > 0 && <CopyLink href={new URL(carried(link), location.href).href} says="copy a link to this list" />}
          <button type="button" disabled={before.length === 0} onClick={undo}>
            undo
          </button>
          <span class="quiet" role="status">
            {before.at(-1)?.did}
          </span>
        </p>
      </header>
      {!isLasting() && <p class="notice">This browser keeps nothing for this site (a private window, or its storage is full): the list is gone when you leave this page. Copy the link, or save a file.</p>}
      {link.length > LONGEST_LINK && <p class="notice">The link to this list has {count(link.length)} characters, more than some places let through: a file is safer.</p>}
      <Run list={list} atlas={atlas} />
      {items.length === 0 && <p class="quiet empty">Nothing is on it. ☆ on the page of a latent or a head, or the key s, puts it here.</p>}
      <ol>
        {items.map((item, i) => (
          <StarredRow
            key={item.address}
            {...{ item, atlas }}
            href={hrefIn(root, list, item.address)}
            edit={{
              first: i === 0,
              last: i === items.length - 1,
              onMove: (by) => move(i, by),
              onRemove: () => edit(`removed ${item.address}`, (now) => ({ ...now, items: now.items.filter(({ address }) => address !== item.address) })),
              onNote: (note) => edit("noted", (now) => ({ ...now, items: now.items.map((each) => (each.address === item.address ? { ...each, note } : each)) })),
            }}
          />
        ))}
      </ol>
      <ListFiles list={list} atlas={atlas.url} onImport={(other) => edit(`added ${count(other.items.length)} from a file`, (now) => merged(now, other))} />
    </article>
  );
}

/** A list that came with the link; one's own stays as it is until it is kept. */
function Shared({ list, atlas, root, onKept }: Props & { list: List; onKept: () => void }) {
  const own = useOwnList();
  const known = new Set(own.items.map(({ address }) => address));
  const fresh = list.items.filter(({ address }) => !known.has(address)).length;
  const keep = () => {
    changeOwnList((now) => merged(now, list));
    onKept();
  };
  useEffect(() => {
    document.title = `${list.title || "a shared list"} · ${atlas.manifest.title}`;
  }, [list.title]);
  return (
    <article class="starred-list" data-ready={list.items.length}>
      <header>
        <h1>{list.title || "A shared list"}</h1>
        <p class="acts">
          <span class="quiet">It came with the link. {own.items.length > 0 && `Yours, of ${count(own.items.length)}, stays as it is.`}</span>
          <button type="button" onClick={keep}>
            {own.items.length === 0 ? "keep it" : `keep it: add ${count(fresh)} to yours`}
          </button>
        </p>
      </header>
      <Run list={list} atlas={atlas} />
      <ol>
        {list.items.map((item) => (
          <StarredRow key={item.address} {...{ item, atlas }} href={hrefIn(root, list, item.address)} />
        ))}
      </ol>
      <ListFiles list={list} atlas={atlas.url} onImport={(other) => changeOwnList((now) => merged(now, other))} />
    </article>
  );
}

/** Says if the list is of another build: then its addresses are other latents. */
function Run({ list, atlas: { builtRun } }: { list: List; atlas: Atlas }) {
  if (list.run === null || list.items.length === 0 || list.run === builtRun) return null;
  return (
    <p class="notice">
      This list was made on run {list.run}, and the atlas is now run {builtRun}: if the dictionaries were trained again, the same addresses are other latents.
    </p>
  );
}

/** The page of an item, from which previous and next go along the list. */
function hrefIn(root: string, list: List, address: string): string {
  return `${anyHref(root, address)}&in=${packAddresses(list.items.map((item) => item.address))}`;
}

function moved<T>(items: readonly T[], at: number, by: number): readonly T[] {
  const item = items[at];
  return item === undefined ? items : items.toSpliced(at, 1).toSpliced(at + by, 0, item);
}
