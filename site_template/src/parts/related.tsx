import { useRef } from "preact/hooks";
import { useNames } from "../state/names.ts";
import { relatedTabs } from "../state/related.ts";
import { useSeen } from "../state/sight.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Dictionary, Latent } from "../store/dictionary.ts";
import { Ranking } from "./ranking.tsx";
import { TabList } from "./tab-list.tsx";

interface Props {
  latent: Latent;
  dictionary: Dictionary;
  atlas: Atlas;
  vocabulary: Vocabulary;
  root: string;
  /** The tab that was asked for; null if none was. */
  related: string | null;
  onRelated: (id: string) => void;
  onGo: (address: string) => void;
}

/** The units that belong to a latent. What lists call them is read when the pane comes into sight. */
export function Related({ latent, dictionary, atlas, vocabulary, root, related, onRelated, onGo }: Props) {
  const pane = useRef<HTMLDivElement>(null);
  const seen = useSeen(pane);
  const tabs = relatedTabs(latent, dictionary, atlas.manifest);
  const current = tabs.find(({ id }) => id === related) ?? tabs[0];
  const units = current?.lists.flatMap((list) => (list.heads ? [] : list.units)) ?? [];
  const names = useNames(atlas, units, seen);
  return (
    <div ref={pane}>
      {current === undefined ? (
        <p class="quiet">It has no other unit to be compared with.</p>
      ) : (
        <>
          <TabList tabs={tabs} current={current} onShow={onRelated} panel="related" />
          <div id="related" role="tabpanel" aria-labelledby={`tab-${current.id}`}>
            <p class="quiet explains">{current.says}</p>
            {current.lists.map((list) => (
              <section key={`${latent.index} ${list.id}`}>
                {list.name && <h3>{list.name}</h3>}
                {list.units.length === 0 && <p class="quiet">None was found.</p>}
                <Ranking {...{ list, names, atlas, vocabulary, root, onGo }} />
              </section>
            ))}
          </div>
        </>
      )}
    </div>
  );
}
