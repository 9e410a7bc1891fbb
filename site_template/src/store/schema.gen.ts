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
export const PREVIEW_CHUNK = 16;
export const LABEL_PARTS = ["text", "source", "score"];

export const ARRAYS = {
  "examples/tokens": { dims: ["latent", "example", "offset"], dtype: "token" },
  "examples/acts": { dims: ["latent", "example", "offset"], dtype: "activation" },
  "card/floats": { dims: ["latent", "float_field"], dtype: "f4" },
  "card/ints": { dims: ["latent", "int_field"], dtype: "u4" },
  "preview": { dims: ["latent", "snippet", "channel", "snippet_offset"], dtype: "token" },
  "stats/density": { dims: ["latent"], dtype: "f4" },
  "stats/max": { dims: ["latent"], dtype: "f4" },
  "stats/min": { dims: ["latent"], dtype: "f4" },
  "stats/mean": { dims: ["latent"], dtype: "f4" },
  "stats/mean_firing": { dims: ["latent"], dtype: "f4" },
  "stats/variance": { dims: ["latent"], dtype: "f4" },
  "stats/skew": { dims: ["latent"], dtype: "f4" },
  "stats/kurtosis": { dims: ["latent"], dtype: "f4" },
  "stats/concentration": { dims: ["latent"], dtype: "f4" },
  "stats/firings": { dims: ["latent"], dtype: "u4" },
  "stats/top_token": { dims: ["latent"], dtype: "u4" },
  "label": { dims: ["latent"], dtype: "string" },
  "labels": { dims: ["latent", "label", "label_part"], dtype: "string" },
  "tokens": { dims: ["token"], dtype: "token" },
  "document_start": { dims: ["document_edge"], dtype: "u4" },
  "document_id": { dims: ["document"], dtype: "string" },
  "document_source": { dims: ["document"], dtype: "string" },
  "text": { dims: ["type"], dtype: "string" },
  "kind": { dims: ["type"], dtype: "u1" },
  "count": { dims: ["type"], dtype: "u4" },
  "units": { dims: ["type", "side", "rank"], dtype: "u4" },
  "values": { dims: ["type", "side", "rank", "measure"], dtype: "f4" },
} as const;

export type ArrayPath = keyof typeof ARRAYS;

export type Stat =
  | "density"
  | "max"
  | "min"
  | "mean"
  | "mean_firing"
  | "variance"
  | "skew"
  | "kurtosis"
  | "concentration"
  | "firings"
  | "top_token"
  ;

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
  | "cofiring_cosine"
  | "across_cosine"
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
  | "cofiring_index"
  | "cofiring_count"
  | "across_dictionary"
  | "across_index"
  | "across_count"
  | "effect_hist"
  ;

export const DOCS = {
  "example_activation": "activation at the example's peak, exact",
  "example_scale": "activation of one step of `examples/acts`",
  "band_low": "lower edge of the band (inclusive)",
  "band_high": "upper edge of the band (exclusive; the maximum if unbounded)",
  "promoted_value": "logit effect, largest first",
  "suppressed_value": "logit effect, lowest first",
  "neighbour_cosine": "cosine of the write directions, largest first",
  "fires_on_p": "P(the latent fires at this token type)",
  "fires_on_mean": "mean activation over all occurrences of the type",
  "fires_on_share": "share of the latent's firings that fall on the type",
  "fires_on_mass": "share of its activation mass (sum over firings)",
  "fires_on_missed": "share of firings that any one type may have beyond those told",
  "density": "firings / counted tokens",
  "max": "highest activation",
  "min": "lowest activation",
  "mean": "mean activation over all counted tokens",
  "mean_firing": "mean activation over firings (0 if it never fires)",
  "variance": "central second moment over all counted tokens",
  "skew": "third central moment / variance^1.5 (0 if variance is 0)",
  "kurtosis": "fourth central moment / variance^2 (3 for a normal; 0 if variance is 0)",
  "concentration": "share of activation mass on its five heaviest token types",
  "cofiring_cosine": "shared firings / sqrt(own firings x those of the other), largest first, within the dictionary",
  "across_cosine": "the same with latents of the layer's other dictionaries",
  "example_document": "index of the document",
  "example_position": "position of the peak: token offset in its document, no BOS",
  "example_peak": "index of the peak inside the excerpt",
  "example_length": "tokens in the excerpt; 0 marks an empty slot",
  "band_firings": "firings in the band",
  "hist": "firings per histogram bin",
  "hist_underflow": "firings below the first bin",
  "hist_overflow": "firings above the last bin",
  "promoted_token": "token type",
  "suppressed_token": "token type",
  "neighbour_index": "latent of the same dictionary",
  "fires_on_token": "token type",
  "fires_on_count": "occurrences of the type; 0 marks an empty slot",
  "firings": "token positions with activation > 0",
  "cofiring_index": "latent of the same dictionary that fires where this one does",
  "cofiring_count": "positions where both fire; 0 marks an empty slot",
  "across_dictionary": "index in the group's `mates`, the layer's other dictionaries",
  "across_index": "latent of that dictionary",
  "across_count": "positions where both fire; 0 marks an empty slot",
  "effect_hist": "token types by logit effect: equal bins from the lowest to the highest; all 0 if these are equal",
};
