import { useEffect } from "preact/hooks";
import type { SiteConfig } from "../config.ts";
import { Failed } from "../parts/failed.tsx";
import { ForeignOverview } from "../parts/foreign-overview.tsx";
import { OpenForm } from "../parts/open-form.tsx";
import { Slow } from "../parts/slow.tsx";
import { useLoadable } from "../state/loadable.ts";
import { openAtlas } from "../state/opened.ts";
import type { Manifest } from "../store/manifest.ts";

/** Asks for the URL of an atlas; with one, its overview as far as the manifest tells it. */
export function OpenPage({ config }: { config: SiteConfig }) {
  return config.foreign === null ? <OpenForm place="" /> : <Opened place={config.foreign} root={config.root} />;
}

function Opened({ place, root }: { place: string; root: string }) {
  const opened = useLoadable(place, () => openAtlas(place));
  useEffect(() => {
    // The page is drawn after the browser has looked for what a link points to.
    if (opened.state === "ready") document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  }, [opened.state]);
  if (opened.state === "loading") return <Waiting />;
  if (opened.state === "ready") return <Overview manifest={opened.value.manifest} {...{ place, root }} />;
  return (
    <>
      <Failed error={opened.error} retry={opened.retry} />
      <OpenForm place={place} />
    </>
  );
}

function Overview({ manifest, place, root }: { manifest: Manifest; place: string; root: string }) {
  return (
    <div class="opened" data-ready={place}>
      <ForeignOverview {...{ manifest, place, root }} />
    </div>
  );
}

function Waiting() {
  return (
    <div class="opened waits" aria-busy="true">
      <h1>…</h1>
      <div class="skeleton" />
      <div class="skeleton" />
      <Slow />
    </div>
  );
}
