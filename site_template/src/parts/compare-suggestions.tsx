import type { Opened } from "../state/opened.ts";
import { CoFiring } from "./cofiring.tsx";
import { Neighbours } from "./neighbours.tsx";
import { Pane } from "./pane.tsx";

interface Props {
  opened: Opened;
  root: string;
  onGo: (address: string) => void;
}

/** With what a latent is worth comparing: what writes alike, and what fires where it does. */
export function CompareSuggestions({ opened, root, onGo }: Props) {
  return (
    <>
      <p>With which latent? Type its address above, or take one of these.</p>
      <div class="two">
        <Pane name="Nearest by write direction" id="neighbours">
          <Neighbours {...{ ...opened, root, onGo }} />
        </Pane>
        {!opened.dictionary.record.two_signed && (
          <Pane name="Fires together with" id="cofiring">
            <CoFiring {...{ ...opened, root, onGo }} />
          </Pane>
        )}
      </div>
    </>
  );
}
