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
export const N_KEYS = 8;
export const ATTENTION_STEPS = 255;
export const ATTENTION_BINS = 50;
export const N_EFFECTS = 10;
export const N_MOVED = 5;
export const N_LATER = 16;
export const LABEL_PARTS = ["text", "source", "score"];
export const N_UNITS = 32;
export const N_POSTINGS = 512;
export const TOKEN_CHUNK = 8;
export const WORD_CHUNK = 256;
export const WORD_LENGTH = 32;
export const POSTING_CHUNK = 512;
export const SAID_CHUNK = 64;
export const SOURCES = ["label", "text"];
export const NO_TYPE = 4294967295;

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
  "map/xy": { dims: ["latent", "axis"], dtype: "u2" },
  "map/region": { dims: ["latent"], dtype: "u1" },
  "windows/tokens": { dims: ["head_example", "position"], dtype: "token" },
  "windows/attention": { dims: ["head_example", "key_or_step", "position", "rank"], dtype: "u2" },
  "windows/norms": { dims: ["head_example", "position"], dtype: "f4" },
  "head/floats": { dims: ["head", "float_field"], dtype: "f4" },
  "head/ints": { dims: ["head", "int_field"], dtype: "u4" },
  "scores/self_attention_score": { dims: ["head"], dtype: "f4" },
  "scores/prev_token_score": { dims: ["head"], dtype: "f4" },
  "scores/duplicate_token_score": { dims: ["head"], dtype: "f4" },
  "scores/induction_score": { dims: ["head"], dtype: "f4" },
  "scores/first_position_score": { dims: ["head"], dtype: "f4" },
  "scores/pattern_entropy": { dims: ["head"], dtype: "f4" },
  "scores/qk_distance": { dims: ["head"], dtype: "f4" },
  "scores/qk_distance_variance": { dims: ["head"], dtype: "f4" },
  "scores/mean_max_attention": { dims: ["head"], dtype: "f4" },
  "scores/max_write_norm": { dims: ["head"], dtype: "f4" },
  "scores/random_prev_token_score": { dims: ["head"], dtype: "f4" },
  "scores/random_duplicate_token_score": { dims: ["head"], dtype: "f4" },
  "scores/random_induction_score": { dims: ["head"], dtype: "f4" },
  "scores/copying_score": { dims: ["head"], dtype: "f4" },
  "tokens": { dims: ["token"], dtype: "token" },
  "document_start": { dims: ["document_edge"], dtype: "u4" },
  "document_id": { dims: ["document"], dtype: "string" },
  "document_source": { dims: ["document"], dtype: "string" },
  "text": { dims: ["type"], dtype: "string" },
  "kind": { dims: ["type"], dtype: "u1" },
  "count": { dims: ["type"], dtype: "u4" },
  "units": { dims: ["type", "side", "rank"], dtype: "u4" },
  "values": { dims: ["type", "side", "rank", "measure"], dtype: "f4" },
  "terms/text": { dims: ["term"], dtype: "string" },
  "terms/place": { dims: ["term", "place"], dtype: "u4" },
  "postings": { dims: ["posting", "part"], dtype: "u4" },
  "said": { dims: ["unit"], dtype: "string" },
  "a/kind": { dims: ["latent_a"], dtype: "u1" },
  "a/nearest": { dims: ["latent_a"], dtype: "u4" },
  "a/cosine": { dims: ["latent_a"], dtype: "f4" },
  "a/correlation": { dims: ["latent_a"], dtype: "f4" },
  "a/correlated": { dims: ["latent_a"], dtype: "u4" },
  "a/highest": { dims: ["latent_a"], dtype: "f4" },
  "b/kind": { dims: ["latent_b"], dtype: "u1" },
  "b/nearest": { dims: ["latent_b"], dtype: "u4" },
  "b/cosine": { dims: ["latent_b"], dtype: "f4" },
  "b/correlation": { dims: ["latent_b"], dtype: "f4" },
  "b/correlated": { dims: ["latent_b"], dtype: "u4" },
  "b/highest": { dims: ["latent_b"], dtype: "f4" },
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
  | "head_part"
  | "ablation_loss"
  | "ablation_later"
  | "ablation_kl"
  | "ablation_raised_value"
  | "ablation_lowered_value"
  | "encoder_cosine"
  | "upstream_cosine"
  | "upstream_weight"
  | "downstream_cosine"
  | "downstream_weight"
  | "writer_norm"
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
  | "ablation_raised_token"
  | "ablation_lowered_token"
  | "encoder_index"
  | "upstream_dictionary"
  | "upstream_index"
  | "downstream_dictionary"
  | "downstream_index"
  | "writer_head"
  ;

export type HeadFloat =
  | "example_write"
  | "example_attention"
  | "example_pattern"
  | "offset_attention"
  | "query_attention"
  | "query_share"
  | "key_attention"
  | "key_share"
  | "query_missed"
  | "key_missed"
  | "ov_promoted_value"
  | "ov_suppressed_value"
  | "qk_value"
  | "self_attention_score"
  | "prev_token_score"
  | "duplicate_token_score"
  | "induction_score"
  | "first_position_score"
  | "pattern_entropy"
  | "qk_distance"
  | "qk_distance_variance"
  | "mean_max_attention"
  | "max_write_norm"
  | "random_prev_token_score"
  | "random_duplicate_token_score"
  | "random_induction_score"
  | "copying_score"
  ;

export type HeadInt =
  | "example_document"
  | "example_position"
  | "example_length"
  | "example_query"
  | "example_key"
  | "max_hist"
  | "duplicate_queries"
  | "induction_queries"
  | "query_token"
  | "query_count"
  | "key_token"
  | "key_count"
  | "ov_promoted_token"
  | "ov_suppressed_token"
  | "qk_token"
  ;

export type Metric =
  | "self_attention_score"
  | "prev_token_score"
  | "duplicate_token_score"
  | "induction_score"
  | "first_position_score"
  | "pattern_entropy"
  | "qk_distance"
  | "qk_distance_variance"
  | "mean_max_attention"
  | "max_write_norm"
  | "random_prev_token_score"
  | "random_duplicate_token_score"
  | "random_induction_score"
  | "copying_score"
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
  "head_part": "of latents of an attention output: what each head of the layer writes into the latent's activation before its function and bias, mean over firings",
  "ablation_loss": "of the first top examples, with the latent's part taken out of the window: the rise of -log p of the token after the peak, in nats; not a number if the document ends there",
  "ablation_later": "the same, mean over the 16 positions after the peak, as far as the window goes; not a number if it ends with the peak",
  "ablation_kl": "sum over the vocabulary of p ln(p / q) at the peak, in nats: p is the prediction as it is, q that without the latent",
  "ablation_raised_value": "ln(q / p) at the peak of the five token types that taking the latent out makes likelier most",
  "ablation_lowered_value": "the same of the five that it makes less likely most, lowest first",
  "encoder_cosine": "cosine of the read directions, largest first",
  "upstream_cosine": "cosine of the unit's write direction and this one's read direction, largest magnitude first; 0 marks an empty slot",
  "upstream_weight": "their dot product: virtual weight, from the unit to this one",
  "downstream_cosine": "cosine of this one's write direction and the unit's read direction, largest magnitude first; 0 marks an empty slot",
  "downstream_weight": "their dot product: virtual weight, from this one to the unit",
  "writer_norm": "\u2016W_V W_O r\u2016, largest first, r being the read direction at length 1: the most that a head can add along r for a normalised input of length 1, its `ln1`'s gain in it; 0 marks an empty slot",
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
  "ablation_raised_token": "token type; five for each example in turn",
  "ablation_lowered_token": "token type; five for each example in turn",
  "encoder_index": "latent of the same dictionary; its own index marks an empty slot",
  "upstream_dictionary": "index in the `dictionaries` of the group's `upstream`",
  "upstream_index": "unit of that dictionary",
  "downstream_dictionary": "index in the `dictionaries` of the group's `downstream`",
  "downstream_index": "unit of that dictionary",
  "writer_head": "layer x heads of a layer + head",
};

export const HEAD_DOCS = {
  "example_write": "largest write norm of a counted pair of the window",
  "example_attention": "sum over the window's counted queries of the largest attention to an earlier counted key",
  "example_pattern": "attention at the example's peak, exact",
  "offset_attention": "mean attention at each distance, over the counted pairs at it",
  "query_attention": "mean over the type's occurrences of their attention to counted keys",
  "query_share": "share of all attention to counted keys that goes out from the type",
  "key_attention": "mean over the type's occurrences of the attention that they get",
  "key_share": "share of all attention to counted keys that the type gets",
  "query_missed": "share of it that goes out from types too rare to be counted one by one",
  "key_missed": "share of it that such types get",
  "ov_promoted_value": "logit effect of attending to the key type, largest first",
  "ov_suppressed_value": "logit effect of attending to the key type, lowest first",
  "qk_value": "content score of the query type with a key type, largest first",
  "self_attention_score": "mean attention of a counted query to itself",
  "prev_token_score": "mean attention to the token before, over counted queries with a counted one",
  "duplicate_token_score": "attention to all earlier occurrences of the query's token type, mean over the queries that have one",
  "induction_score": "attention of at least 0.01 to tokens that follow an earlier occurrence of the query's token type, and stand before the query: their sum, mean over the queries that have one",
  "first_position_score": "mean attention to the window's first position, an attention sink",
  "pattern_entropy": "mean of -sum p ln p over all keys of a query, in nats",
  "qk_distance": "mean of query - key over all counted pairs, weighted by attention",
  "qk_distance_variance": "variance of query - key, weighted in the same way",
  "mean_max_attention": "mean over counted queries of the largest attention to a counted key",
  "max_write_norm": "largest write norm of any counted pair",
  "random_prev_token_score": "on random tokens said twice: mean attention from a token said again to the one before it",
  "random_duplicate_token_score": "on random tokens said twice: mean attention from a token said again to its earlier self",
  "random_induction_score": "on random tokens said twice: mean attention from a token said again to what came after its earlier self",
  "copying_score": "sum of the eigenvalues of the OV circuit / sum of their magnitudes: 1 if every token promotes itself, -1 if it suppresses itself",
  "example_document": "index of the document",
  "example_position": "position of the window's first counted token, no BOS",
  "example_length": "tokens in the window, its first position included; 0 marks an empty slot",
  "example_query": "window index of the peak's query",
  "example_key": "window index of the peak's key",
  "max_hist": "counted queries by their largest attention to a counted key: 50 bins from 0 to 1",
  "duplicate_queries": "counted queries whose token type occurs earlier at a counted position",
  "induction_queries": "those of them at which a token stands between it and the query",
  "query_token": "token type, by share",
  "query_count": "its occurrences at counted positions; 0 marks an empty slot",
  "key_token": "token type, by share",
  "key_count": "its occurrences at counted positions; 0 marks an empty slot",
  "ov_promoted_token": "token type; ten for each key type in turn",
  "ov_suppressed_token": "token type; ten for each key type in turn",
  "qk_token": "key type; ten for each query type in turn",
};
