import { useEffect, useRef } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { Failed } from "../parts/failed.tsx";
import { HeadView } from "../parts/head-view.tsx";
import { Skeleton } from "../parts/skeleton.tsx";
import { tabParameter } from "../state/embed.ts";
import { useLoadable } from "../state/loadable.ts";
import { type OpenedHead, openHead } from "../state/opened-head.ts";
import { useQuery } from "../state/url.ts";

const PANES: readonly (readonly [string, string])[][] = [
  [["Where it looks", "examples"]],
  [
    ["Scores", "scores"],
    ["By distance", "offsets"],
  ],
];

/** The page of any head: the query says which. While the next one loads, the last one stays. */
export function HeadPage({ config }: { config: SiteConfig }) {
  const [query, change] = useQuery();
  const at = query.get("at") ?? "";
  const opened = useLoadable(at, (signal) => openHead(config.atlas, config.root, at, signal));
  const last = useRef<OpenedHead | null>(null);
  if (opened.state !== "loading") last.current = opened.state === "ready" ? opened.value : null;
  const go = (address: string) => {
    change({ at: address, example: null, q: null, k: null });
    scrollTo(0, 0);
  };
  useEffect(() => {
    if (opened.state === "ready") document.title = `${at} · ${opened.value.atlas.manifest.title}`;
    else document.title = opened.state === "failed" ? `${at} can’t be shown` : at;
  }, [at, opened.state]);
  return (
    <>
      {opened.state === "failed" && <Failed at={at} error={opened.error} retry={opened.retry} />}
      {opened.state === "loading" && last.current === null && <Skeleton at={at} panes={PANES} />}
      {last.current && (
        <HeadView
          {...last.current}
          at={at}
          busy={opened.state === "loading"}
          root={config.root}
          show={query.get(tabParameter()) ?? "write"}
          example={Number(query.get("example") ?? 0)}
          onShow={(id) => change({ [tabParameter()]: id === "write" ? null : id, example: null, q: null, k: null }, "replace")}
          onExample={(n) => change({ example: n === 0 ? null : String(n), q: null, k: null }, "replace")}
          onGo={go}
        />
      )}
    </>
  );
}
