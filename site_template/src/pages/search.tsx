import { useEffect } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { count } from "../draw/format.ts";
import { Failed } from "../parts/failed.tsx";
import { useMore } from "../parts/more.tsx";
import { Pane } from "../parts/pane.tsx";
import { Phrase } from "../parts/phrase.tsx";
import { type ResultGroup, resultGroups } from "../parts/result.tsx";
import { Slow } from "../parts/slow.tsx";
import { UnitSnippet } from "../parts/unit-snippet.tsx";
import { type Found, useFound } from "../state/find.ts";
import { useQuery } from "../state/url.ts";

/** All that the query's text finds, in groups. */
export function SearchPage({ config }: { config: SiteConfig }) {
  const [query] = useQuery();
  const text = query.get("q") ?? "";
  const { found, error } = useFound(config, text);
  useEffect(() => {
    if (found !== null && text !== "") document.title = `“${text}” · ${found.atlas.manifest.title}`;
  }, [text, found === null]);
  if (error !== null) return <Failed error={error} retry={() => location.reload()} />;
  if (text === "") return <p class="quiet" data-ready="empty">Type into the box above: a token, words of labels or of text, a phrase, or an address.</p>;
  return (
    <article class="results" aria-busy={!found?.whole} data-ready={found?.whole && found.query === text ? text : undefined}>
      <h1>
        <span class="quiet">search</span> <span class="asked">{text}</span>
      </h1>
      {found === null ? <Waiting /> : <Results found={found} root={config.root} />}
    </article>
  );
}

function Results({ found, root }: { found: Found; root: string }) {
  const groups = resultGroups(found, root);
  const total = groups.reduce((sum, { results }) => sum + results.length, 0);
  return (
    <>
      <p class="quiet" role="status">
        {found.whole ? `${count(total)} found` : "searching…"}
      </p>
      {found.note && <p class="notice">{found.note}.</p>}
      {found.whole && found.texts === null && <p class="notice">This atlas was made without an index of words: labels and texts are not searched. Build it again: atlas build.</p>}
      <Phrase key={found.query} {...{ found, root }} />
      {groups.map((group) => (
        <Group key={`${found.query} ${group.name}`} {...{ group, found }} />
      ))}
      {found.whole && total === 0 && <p class="empty quiet">Nothing fits. A latent is found by the words of its labels, and by those at and next to the peaks of its top examples.</p>}
      {!found.whole && <Waiting />}
    </>
  );
}

function Group({ group: { name, results }, found }: { group: ResultGroup; found: Found }) {
  const [shown, more] = useMore(results.length);
  return (
    <Pane name={name} id={(name.split(" ")[0] ?? name).toLowerCase()}>
      <ol class="hits">
        {results.slice(0, shown).map((result) => (
          <li key={result.key}>
            <a href={result.href}>{result.show}</a>
            {result.address && <UnitSnippet address={result.address} atlas={found.atlas} vocabulary={found.vocabulary} />}
          </li>
        ))}
      </ol>
      {more}
    </Pane>
  );
}

function Waiting() {
  return (
    <>
      <div class="skeleton waits" />
      <Slow />
    </>
  );
}
