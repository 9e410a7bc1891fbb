import { Fragment } from "preact";
import { useEffect, useState } from "preact/hooks";
import { foldAlike } from "../state/alike.ts";
import { fullHeat, type Tab } from "../state/tabs.ts";
import { useQuery } from "../state/url.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Dictionary, Latent } from "../store/dictionary.ts";
import { Choice } from "./choice.tsx";
import { Example, type ExampleProps } from "./example.tsx";
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
  root: string;
  onShow: (id: string) => void;
}

/** The examples of one section, under their tabs; those that say the same twice are folded. */
export function Examples({ latent, dictionary, atlas, vocabulary, tabs, current, root, onShow }: Props) {
  const [query, change] = useQuery();
  const [pointed, setPointed] = useState<Pointed | null>(null);
  useEffect(() => {
    const drop = () => setPointed(null);
    addEventListener("scroll", drop, { passive: true });
    return () => removeEventListener("scroll", drop);
  }, []);
  const heat = query.get("heat") === "each" ? "each" : "shared";
  const full = heat === "each" ? null : fullHeat(latent, current.id);
  const shared = { latent, atlas, vocabulary, full, root, onPoint: setPointed };
  return (
    <>
      <TabList tabs={tabs} current={current} onShow={onShow} />
      <div class="says">
        <p class="quiet">{current.says}</p>
        {current.rows.length > 0 && (
          <div class="heats">
            <Choice name="heat" options={HEATS} value={heat} onChange={(id) => change({ heat: id === "each" ? id : null }, "replace")} />
            <Scale full={full} twoSigned={dictionary.record.two_signed} />
          </div>
        )}
      </div>
      <div id="examples" role="tabpanel" aria-labelledby={`tab-${current.id}`}>
        {current.rows.length === 0 ? <p class="quiet empty">{noExample(atlas)}</p> : <Heads />}
        <ol>
          {foldAlike(latent, current.rows).map(({ row, alike }) => (
            <Fragment key={`${current.id} ${row}`}>
              <Example row={row} {...shared} />
              {alike.length > 0 && <Alike rows={alike} {...shared} />}
            </Fragment>
          ))}
        </ol>
      </div>
      {pointed && <Tip pointed={pointed} vocabulary={vocabulary} />}
    </>
  );
}

const HEATS = [
  ["shared", "one scale"],
  ["each", "each its own"],
] as const;

/** Examples that repeat the one above them: told by their number until somebody wants to see them. */
function Alike({ rows, ...shared }: ExampleProps & { rows: readonly number[] }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <li class="alike">
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? "fold" : rows.length === 1 ? "one more like it" : `${rows.length} more like it`}
        </button>
      </li>
      {open && rows.map((row) => <Example key={row} row={row} {...shared} />)}
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
