/** The bins of the stored histograms: quarter octaves, linear inside each octave. */
import { BINS_PER_OCTAVE, FIRST_OCTAVE } from "../store/schema.gen.ts";

/** Lower edge of a bin. */
export function edge(bin: number): number {
  const octave = FIRST_OCTAVE + Math.floor(bin / BINS_PER_OCTAVE);
  return 2 ** octave * (1 + (bin % BINS_PER_OCTAVE) / BINS_PER_OCTAVE);
}

/** Where an activation lies on the axis of bins; the inverse of `edge`, and continuous. */
export function binOf(activation: number): number {
  const octave = Math.floor(Math.log2(activation));
  return (octave - FIRST_OCTAVE + activation / 2 ** octave - 1) * BINS_PER_OCTAVE;
}
