import { useEffect } from "preact/hooks";
import { Failed } from "../parts/failed.tsx";
import { Slow } from "../parts/slow.tsx";
import { useAllLabels } from "../state/labels.ts";
import { useLoadable } from "../state/loadable.ts";
import type { MapProps } from "./latent-map.tsx";

/** The map, whose script, places and labels are read only when it is looked at. */
export function LazyMap(props: Omit<MapProps, "layout" | "labels">) {
  const { dictionary } = props;
  const { labels, error, retry } = useAllLabels(dictionary, dictionary.labelled);
  const opened = useLoadable(dictionary.record.id, async () => {
    const [{ LatentMap }, layout] = await Promise.all([import("./latent-map.tsx"), dictionary.layout()]);
    return { LatentMap, layout };
  });
  if (opened.state === "failed") return <Failed error={opened.error} retry={opened.retry} />;
  if (error !== null) return <Failed error={error} retry={retry} />;
  if (opened.state === "loading") return <WaitingMap />;
  const { LatentMap, layout } = opened.value;
  return <LatentMap {...{ layout, labels }} {...props} />;
}

/** The place of a map that is not there yet; its script is asked for beside what it will draw. */
export function WaitingMap() {
  useEffect(() => void import("./latent-map.tsx").catch(() => undefined), []); // the map itself tells a failure
  return (
    <div class="map waits" aria-busy="true">
      <div class="map-tools" />
      <div class="map-ground skeleton" />
      <Slow />
    </div>
  );
}
