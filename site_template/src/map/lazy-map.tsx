import { Failed } from "../parts/failed.tsx";
import { Slow } from "../parts/slow.tsx";
import { useLoadable } from "../state/loadable.ts";
import type { MapProps } from "./latent-map.tsx";

/** The map, whose script and places are read only when it is looked at. */
export function LazyMap(props: Omit<MapProps, "layout">) {
  const { dictionary } = props;
  const opened = useLoadable(dictionary.record.id, async () => {
    const [{ LatentMap }, layout] = await Promise.all([import("./latent-map.tsx"), dictionary.layout()]);
    return { LatentMap, layout };
  });
  if (opened.state === "failed") return <Failed error={opened.error} retry={opened.retry} />;
  if (opened.state === "loading") {
    return (
      <div class="map waits" aria-busy="true">
        <div class="map-tools" />
        <div class="map-ground skeleton" />
        <Slow />
      </div>
    );
  }
  const { LatentMap, layout } = opened.value;
  return <LatentMap layout={layout} {...props} />;
}
