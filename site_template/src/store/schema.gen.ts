// Made from feature_atlas/contract.py by: python -m viewer_builder.schema_ts

export const FORMAT = "feature-atlas";
export const FORMAT_VERSION = 1;
export const EXCERPT = 64;
export const SNIPPETS = 3;
export const SNIPPET = 12;
export const NO_TOKEN = 65535;
export const N_BANDS = 5;
export const PER_BAND = 5;
export const BINS_PER_OCTAVE = 4;
export const FIRST_OCTAVE = -8;
export const LAST_OCTAVE = 8;
export const N_BINS = 64;
export const PREVIEW_CHUNK = 16;

export type FloatField =
  | "example_activation"
  | "example_scale"
  | "band_low"
  | "band_high"
  | "promoted_value"
  | "suppressed_value"
  | "neighbour_cosine"
  | "fires_on_p"
  | "fires_on_mean"
  | "fires_on_share"
  | "fires_on_mass"
  | "fires_on_missed"
  | "density"
  | "max"
  | "min"
  | "mean"
  | "mean_firing"
  | "variance"
  | "skew"
  | "kurtosis"
  | "concentration"
;

export type IntField =
  | "example_document"
  | "example_position"
  | "example_peak"
  | "example_length"
  | "band_firings"
  | "hist"
  | "hist_underflow"
  | "hist_overflow"
  | "promoted_token"
  | "suppressed_token"
  | "neighbour_index"
  | "fires_on_token"
  | "fires_on_count"
  | "firings"
;

export const DOCS: Record<FloatField | IntField, string> = {
  example_activation: "activation at the example's peak, exact",
  example_scale: "activation of one step of `examples/acts`",
  band_low: "lower edge of the band (inclusive)",
  band_high: "upper edge of the band (exclusive; the maximum if unbounded)",
  promoted_value: "logit effect, largest first",
  suppressed_value: "logit effect, lowest first",
  neighbour_cosine: "cosine of the write directions, largest first",
  fires_on_p: "P(the latent fires at this token type)",
  fires_on_mean: "mean activation over all occurrences of the type",
  fires_on_share: "share of the latent's firings that fall on the type",
  fires_on_mass: "share of its activation mass (sum over firings)",
  fires_on_missed: "share of firings on types outside the table (its error bound)",
  density: "firings / counted tokens",
  max: "highest activation",
  min: "lowest activation",
  mean: "mean activation over all counted tokens",
  mean_firing: "mean activation over firings (0 if it never fires)",
  variance: "central second moment over all counted tokens",
  skew: "third central moment / variance^1.5 (0 if variance is 0)",
  kurtosis: "fourth central moment / variance^2 (3 for a normal; 0 if variance is 0)",
  concentration: "share of activation mass on its five heaviest token types",
  example_document: "index of the document",
  example_position: "position of the peak: token offset in its document, no BOS",
  example_peak: "index of the peak inside the excerpt",
  example_length: "tokens in the excerpt; 0 marks an empty slot",
  band_firings: "firings in the band",
  hist: "firings per histogram bin",
  hist_underflow: "firings below the first bin",
  hist_overflow: "firings above the last bin",
  promoted_token: "token type",
  suppressed_token: "token type",
  neighbour_index: "latent of the same dictionary",
  fires_on_token: "token type",
  fires_on_count: "occurrences of the type; 0 marks an empty slot",
  firings: "token positions with activation > 0",
};
