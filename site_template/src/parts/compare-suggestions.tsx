import { useState } from "preact/hooks";
import type { Opened } from "../state/opened.ts";
import { Pane } from "./pane.tsx";
import { Related } from "./related.tsx";

interface Props {
  opened: Opened;
  root: string;
  onGo: (address: string) => void;
}

/** With what a latent is worth comparing: what writes alike, what fires where it does, what it reads and feeds. */
export function CompareSuggestions({ opened, root, onGo }: Props) {
  const [related, onRelated] = useState<string | null>(null);
  return (
    <>
      <p>With which latent? Type its address above, or take one of these.</p>
      <Pane name="Related" id="related">
        <Related {...{ ...opened, root, related, onRelated, onGo }} />
      </Pane>
    </>
  );
}
