import { useEffect, useState } from "preact/hooks";
import type { Tab } from "../state/tabs.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Dictionary, Latent } from "../store/dictionary.ts";
import { Example } from "./example.tsx";
import { Scale } from "./scale.tsx";
import type { Pointed } from "./strip.tsx";
import { TabList } from "./tab-list.tsx";
import { noExample } from "./terms.tsx";
import { Tip } from "./tip.tsx";

interface Props {
  latent: Latent;
  dictionary: Dictionary;
  atlas: Atlas;
  vocabulary: Vocabulary;
  tabs: readonly Tab[];
  current: Tab;
  onShow: (id: string) => void;
}

/** The examples of one section, under their tabs. */
export function Examples({ latent, dictionary, atlas, vocabulary, tabs, current, onShow }: Props) {
  const [pointed, setPointed] = useState<Pointed | null>(null);
  useEffect(() => {
    const drop = () => setPointed(null);
    addEventListener("scroll", drop, { passive: true });
    return () => removeEventListener("scroll", drop);
  }, []);
  const full = fullHeat(latent, current);
  return (
    <>
      <TabList tabs={tabs} current={current} onShow={onShow} />
      <div class="says">
        <p class="quiet">{current.says}</p>
        {current.rows.length > 0 && <Scale full={full} twoSigned={dictionary.record.two_signed} />}
      </div>
      <div id="examples" role="tabpanel" aria-labelledby={`tab-${current.id}`}>
        {current.rows.length === 0 ? <p class="quiet empty">{noExample(atlas)}</p> : <Heads />}
        <ol>
          {current.rows.map((row) => (
            <Example key={`${current.id} ${row}`} {...{ row, latent, atlas, vocabulary, full }} onPoint={setPointed} />
          ))}
        </ol>
      </div>
      {pointed && <Tip pointed={pointed} vocabulary={vocabulary} />}
    </>
  );
}

function Heads() {
  return (
    <p class="example heads" aria-hidden="true">
      <span>activation</span>
      <span />
      <span>document · position</span>
    </p>
  );
}

/** The end of the heat scale: the latent's maximum, or on its lowest examples the largest magnitude there. */
function fullHeat(latent: Latent, tab: Tab): number {
  const max = latent.floats.max[0] ?? 0;
  const min = Math.abs(latent.floats.min[0] ?? 0);
  return tab.id === "lowest" || max <= 0 ? min : max;
}
