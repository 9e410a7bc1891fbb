import { useEffect, useRef } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { Failed } from "../parts/failed.tsx";
import { LatentView } from "../parts/latent-view.tsx";
import { Skeleton } from "../parts/skeleton.tsx";
import { tabParameter } from "../state/embed.ts";
import { useLoadable } from "../state/loadable.ts";
import { type Opened, openLatent, titleOf } from "../state/opened.ts";
import { useQuery } from "../state/url.ts";

/** The page of any latent: the query says which. While the next one loads, the last one stays. */
export function LatentPage({ config }: { config: SiteConfig }) {
  const [query, change] = useQuery();
  const at = query.get("at") ?? "";
  const opened = useLoadable(at, (signal) => openLatent(config.atlas, config.root, at, signal));
  const last = useRef<Opened | null>(null);
  if (opened.state !== "loading") last.current = opened.state === "ready" ? opened.value : null;
  const go = (address: string) => {
    change({ at: address, [tabParameter()]: null });
    scrollTo(0, 0);
  };
  useEffect(() => {
    if (opened.state === "ready") document.title = titleOf(at, opened.value);
    else document.title = opened.state === "failed" ? `${at} can’t be shown` : at;
  }, [at, opened.state]);
  return (
    <>
      {opened.state === "failed" && <Failed at={at} error={opened.error} retry={opened.retry} />}
      {opened.state === "loading" && last.current === null && <Skeleton at={at} />}
      {last.current && (
        <LatentView
          {...last.current}
          at={at}
          busy={opened.state === "loading"}
          root={config.root}
          show={query.get(tabParameter()) ?? "top"}
          onShow={(id) => change({ [tabParameter()]: id === "top" ? null : id }, "replace")}
          related={query.get("related")}
          onRelated={(id) => change({ related: id === "similar" ? null : id }, "replace")}
          onGo={go}
        />
      )}
    </>
  );
}
