import { useId, useState } from "preact/hooks";
import { number } from "../draw/format.ts";
import { definitionHref } from "../state/url.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Latent } from "../store/dictionary.ts";
import { type FloatField, N_LATER, N_MOVED } from "../store/schema.gen.ts";
import { largestOf, TokenBars } from "./token-bars.tsx";

interface Props {
  row: number;
  latent: Latent;
  vocabulary: Vocabulary;
  root: string;
}

/** What taking the latent out of an example's window does: one line, and on asking what each number says. */
export function Ablation({ row, latent, vocabulary, root }: Props) {
  const [open, setOpen] = useState(false);
  const id = useId();
  // An atlas made before latents were ablated has no such fields.
  const losses = latent.floats.ablation_loss as Float32Array | undefined;
  if (losses === undefined || row >= losses.length) return null;
  const loss = losses[row] ?? NaN;
  const later = latent.floats.ablation_later[row] ?? NaN;
  const divergence = latent.floats.ablation_kl[row] ?? NaN;
  // Where documents were left out, an example may have moved up that was never ablated.
  if (Number.isNaN(divergence)) return null;
  const moved = <T extends Float32Array | Uint32Array>(values: T) => values.subarray(row * N_MOVED, (row + 1) * N_MOVED) as T;
  const up = moved(latent.floats.ablation_raised_value);
  const down = moved(latent.floats.ablation_lowered_value);
  const largest = largestOf(up, down);
  return (
    <div class="ablation">
      <button type="button" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)} title={LOSS}>
        without it: loss {signed(loss)}, later {signed(later)}, KL {number(divergence)}
      </button>
      <div id={id} hidden={!open}>
        {open && (
          <>
            <dl class="statistics">
              <Said field="ablation_loss" name="loss" value={signed(loss)} says={LOSS} root={root} />
              <Said field="ablation_later" name="later" value={signed(later)} says={LATER} root={root} />
              <Said field="ablation_kl" name="KL" value={number(divergence)} says={KL} root={root} />
            </dl>
            <div class="effects">
              <TokenBars name="likelier without it" types={moved(latent.ints.ablation_raised_token)} values={up} {...{ largest, vocabulary, root }} />
              <TokenBars name="less likely without it" types={moved(latent.ints.ablation_lowered_token)} values={down} {...{ largest, vocabulary, root }} />
            </div>
            <p class="quiet">By how much the logarithm of a token’s probability changes at the peak when the latent’s part is taken out of the whole window.</p>
          </>
        )}
      </div>
    </div>
  );
}

const LOSS = "By how many nats the token after the peak is less expected when the latent’s part is taken out of the window; – if the document ends there.";
const LATER = `The same for the tokens after it, mean over the ${N_LATER} positions after the peak, as far as the window goes.`;
const KL = "How far the prediction at the peak moves: the Kullback-Leibler divergence, in nats, from the prediction as it is to that without the latent.";

function Said({ field, name, value, says, root }: { field: FloatField; name: string; value: string; says: string; root: string }) {
  return (
    <div>
      <dt>
        <a href={definitionHref(root, field)}>{name}</a> <span class="quiet">{says}</span>
      </dt>
      <dd class="value">{value}</dd>
    </div>
  );
}

function signed(value: number): string {
  return value > 0 ? `+${number(value)}` : number(value);
}
