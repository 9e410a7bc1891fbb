import { useEffect, useState } from "preact/hooks";
import { type Letter, NAMES, type Shown } from "../state/compare.ts";
import { fullHeat, type Tab, tabsOf } from "../state/tabs.ts";
import { Example } from "./example.tsx";
import { Scale } from "./scale.tsx";
import type { Pointed } from "./strip.tsx";
import { TabList } from "./tab-list.tsx";
import { Tip } from "./tip.tsx";

interface Props {
  sides: Record<Letter, Shown>;
  show: string;
  root: string;
  onShow: (id: string) => void;
}

/** Examples of one section of both, each in a column of its own and on its own heat. */
export function CompareExamples({ sides, show, root, onShow }: Props) {
  const [pointed, setPointed] = useState<(Pointed & { of: Letter }) | null>(null);
  useEffect(() => {
    const drop = () => setPointed(null);
    addEventListener("scroll", drop, { passive: true });
    return () => removeEventListener("scroll", drop);
  }, []);
  const tabs = { a: tabsOf(sides.a.opened.latent, sides.a.opened.dictionary), b: tabsOf(sides.b.opened.latent, sides.b.opened.dictionary) };
  const all = sections(tabs.a, tabs.b);
  const current = all.find(({ id }) => id === show) ?? (all[0] as Tab);
  const column = (letter: Letter) => {
    const { at, href, opened } = sides[letter];
    const tab = tabs[letter].find(({ id }) => id === current.id);
    const full = fullHeat(opened.latent, current.id);
    return (
      <section class={`of-${letter}`} aria-label={`examples of ${NAMES[letter]}, ${at}`}>
        <h3>
          <b class="letter">{NAMES[letter]}</b> {href === null ? at : <a href={href}>{at}</a>}
        </h3>
        <div class="says">
          <p class="quiet">{tab?.says ?? "It has no firings of this strength."}</p>
          {tab && tab.rows.length > 0 && <Scale full={full} twoSigned={opened.dictionary.record.two_signed} />}
        </div>
        <ol>
          {(tab?.rows ?? []).map((row) => (
            <Example key={`${current.id} ${row}`} {...{ ...opened, row, full, root }} onPoint={(found) => setPointed(found && { ...found, of: letter })} />
          ))}
        </ol>
      </section>
    );
  };
  return (
    <>
      <TabList tabs={all} current={current} onShow={onShow} />
      <div id="examples" role="tabpanel" aria-labelledby={`tab-${current.id}`} class="two">
        {column("a")}
        {column("b")}
      </div>
      {pointed && <Tip pointed={pointed} vocabulary={sides[pointed.of].opened.vocabulary} />}
    </>
  );
}

/** The sections that either has; a band's range is each latent's own, so that it is named by its rank. */
function sections(a: readonly Tab[], b: readonly Tab[]): Tab[] {
  const known = new Map([...a, ...b].map((tab) => [tab.id, tab]));
  const order = ["top", ...[...known.keys()].filter((id) => id.startsWith("band")).sort(), "random", "lowest"];
  const named = (tab: Tab) => (tab.range === null ? tab.name : `band ${tab.id.slice("band".length)}`);
  return order.flatMap((id) => known.get(id) ?? []).map((tab) => ({ ...tab, name: named(tab), share: "" }));
}
