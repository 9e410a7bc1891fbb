"""The atlas format, written once.

Validation, the writer, the readers in Python and TypeScript and `docs/atlas-format.md` all follow
from the tables in this file. An additive change keeps FORMAT_VERSION; any other raises it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FORMAT = "feature-atlas"
FORMAT_VERSION = 1

EXCERPT = 64  # tokens shown of one example
SNIPPETS, SNIPPET = 3, 12  # preview of a list row: three snippets of twelve tokens
NO_TOKEN = 65_535  # in a preview's second channel: there is no token here
N_BANDS, PER_BAND, N_RANDOM = 5, 5, 5
N_EFFECTS = 10  # promoted, and suppressed, output tokens
N_EFFECT_BINS = 50  # of the histogram of logit effects
N_MOVED = 5  # output tokens told that an ablation makes likelier, and as many less likely
N_LATER = 16  # positions after the peak over which the later effect of an ablation is averaged
N_NEIGHBOURS = 10
N_FIRES_ON = 16
N_COFIRING = 10  # latents that fire with a latent: of its dictionary, and of the layer's others
N_VIRTUAL = 8  # units upstream, and downstream, of a latent
N_WRITERS = 8  # heads that write along what a latent reads
SIDES = ("fires", "promoted", "suppressed")  # what units do at or to a token type
N_UNITS = 32  # units told of a token type on each side
SOURCES = ("label", "text")  # where a word of a unit comes from: its labels, or the text that it peaks on
N_WORDS, NEAR_WORDS, NEAR_TOKENS = 12, 2, 12  # words of a unit; words, and tokens, on either side of a peak
N_POSTINGS = 512  # units told of a word from each source
WORD_LENGTH = 32  # letters of a word that are kept
NO_TYPE = 2**32 - 1  # the top token of a unit that never fires
SAID = 160  # characters of a unit's labels in the search index

N_WRITE, N_ATTENTION, N_WINDOWS = 8, 8, 6  # of a head: windows by write norm, by attention, at random
N_KEYS, LEAST_ATTENTION = 8, 0.005  # attention told of a query: its largest, and none below this
ATTENTION_STEPS = 255
N_HEAD_TYPES = 16  # token types that a head attends to, and from, most
ATTENTION_BINS = 50

BINS_PER_OCTAVE, FIRST_OCTAVE, LAST_OCTAVE = 4, -8, 8
N_BINS = BINS_PER_OCTAVE * (LAST_OCTAVE - FIRST_OCTAVE)

# 512 latents a shard: a cold latent page reads one 8 KiB index for each of four arrays; with 1,024
# the indexes alone would be 64 KiB, the whole budget of that page.
SHARD = 512
# A list sorted by any column shows latents from all over: its preview has one small index for up to
# 32,768 latents, and 16 latents (about 1.5 KB) a chunk.
PREVIEW_CHUNK, PREVIEW_SHARD = 16, 32_768
# The labels of 24 rows from all over: 24 chunks of about 0.7 KB; with 1,024 labels a chunk, 480 KB.
LABEL_CHUNK = 32
# A token's page reads two arrays: of each an index of 2 KiB and the chunk of eight types, up to 6 KB.
TOKEN_CHUNK, TOKEN_SHARD = 8, 1_024
# A word is found by one chunk of words, one of their places, and one or two of postings, a KiB or two
# each; the index of a shard is 4 KiB.
WORD_CHUNK, WORD_SHARD = 256, 65_536
POSTING_CHUNK, POSTING_SHARD = 512, 131_072
SAID_CHUNK, SAID_SHARD = 64, 16_384


@dataclass(frozen=True)
class Field:
    """A named run of columns in a card. `axis` is a key of the group's `sizes`, or "" for one column."""

    name: str
    axis: str
    doc: str


@dataclass(frozen=True)
class ArraySpec:
    """One array: its path in the group, dimension names, dtype, and what a value means.

    `dtype` is a numpy name, "string", or one of two that depend on the dictionary: "token" (u2 up to
    a vocabulary of 65,536, else u4) and "activation" (u1, or i1 for units with two signs).
    `chunk` and `shard` give lengths of the leading dimension; 0 means the whole of it.
    """

    path: str
    dims: tuple[str, ...]
    dtype: str
    doc: str
    chunk: int = 0
    shard: int = 0


FLOATS = (
    Field("example_activation", "example", "activation at the example's peak, exact"),
    Field("example_scale", "example", "activation of one step of `examples/acts`"),
    Field("band_low", "band", "lower edge of the band (inclusive)"),
    Field("band_high", "band", "upper edge of the band (exclusive; the maximum if unbounded)"),
    Field("promoted_value", "effect", "logit effect, largest first"),
    Field("suppressed_value", "effect", "logit effect, lowest first"),
    Field("neighbour_cosine", "neighbour", "cosine of the write directions, largest first"),
    Field("fires_on_p", "fires_on", "P(the latent fires at this token type)"),
    Field("fires_on_mean", "fires_on", "mean activation over all occurrences of the type"),
    Field("fires_on_share", "fires_on", "share of the latent's firings that fall on the type"),
    Field("fires_on_mass", "fires_on", "share of its activation mass (sum over firings)"),
    Field("fires_on_missed", "", "share of firings that any one type may have beyond those told"),
    Field("density", "", "firings / counted tokens"),
    Field("max", "", "highest activation"),
    Field("min", "", "lowest activation"),
    Field("mean", "", "mean activation over all counted tokens"),
    Field("mean_firing", "", "mean activation over firings (0 if it never fires)"),
    Field("variance", "", "central second moment over all counted tokens"),
    Field("skew", "", "third central moment / variance^1.5 (0 if variance is 0)"),
    Field("kurtosis", "", "fourth central moment / variance^2 (3 for a normal; 0 if variance is 0)"),
    Field("concentration", "", "share of activation mass on its five heaviest token types"),
    Field(
        "cofiring_cosine",
        "cofiring",
        "shared firings / sqrt(own firings x those of the other), largest first, within the dictionary",
    ),
    Field("across_cosine", "across", "the same with latents of the layer's other dictionaries"),
    Field(
        "head_part",
        "head",
        "of latents of an attention output: what each head of the layer writes into the latent's"
        " activation before its function and bias, mean over firings",
    ),
    Field(
        "ablation_loss",
        "ablated",
        "of the first top examples, with the latent's part taken out of the window: the rise of -log p of"
        " the token after the peak, in nats; not a number if the document ends there",
    ),
    Field(
        "ablation_later",
        "ablated",
        "the same, mean over the 16 positions after the peak, as far as the window goes; not a number if it"
        " ends with the peak",
    ),
    Field(
        "ablation_kl",
        "ablated",
        "sum over the vocabulary of p ln(p / q) at the peak, in nats: p is the prediction as it is, q that"
        " without the latent",
    ),
    Field(
        "ablation_raised_value",
        "moved",
        "ln(q / p) at the peak of the five token types that taking the latent out makes likelier most",
    ),
    Field(
        "ablation_lowered_value", "moved", "the same of the five that it makes less likely most, lowest first"
    ),
    Field("encoder_cosine", "encoder", "cosine of the read directions, largest first"),
    Field(
        "upstream_cosine",
        "upstream",
        "cosine of the unit's write direction and this one's read direction, largest magnitude first; 0"
        " marks an empty slot",
    ),
    Field("upstream_weight", "upstream", "their dot product: virtual weight, from the unit to this one"),
    Field(
        "downstream_cosine",
        "downstream",
        "cosine of this one's write direction and the unit's read direction, largest magnitude first; 0"
        " marks an empty slot",
    ),
    Field("downstream_weight", "downstream", "their dot product: virtual weight, from this one to the unit"),
    Field(
        "writer_norm",
        "writer",
        "‖W_V W_O r‖, largest first, r being the read direction at length 1: the most that a head can add"
        " along r for a normalised input of length 1, its `ln1`'s gain in it; 0 marks an empty slot",
    ),
)

INTS = (
    Field("example_document", "example", "index of the document"),
    Field("example_position", "example", "position of the peak: token offset in its document, no BOS"),
    Field("example_peak", "example", "index of the peak inside the excerpt"),
    Field("example_length", "example", "tokens in the excerpt; 0 marks an empty slot"),
    Field("band_firings", "band", "firings in the band"),
    Field("hist", "bin", "firings per histogram bin"),
    Field("hist_underflow", "", "firings below the first bin"),
    Field("hist_overflow", "", "firings above the last bin"),
    Field("promoted_token", "effect", "token type"),
    Field("suppressed_token", "effect", "token type"),
    Field("neighbour_index", "neighbour", "latent of the same dictionary"),
    Field("fires_on_token", "fires_on", "token type"),
    Field("fires_on_count", "fires_on", "occurrences of the type; 0 marks an empty slot"),
    Field("firings", "", "token positions with activation > 0"),
    Field("cofiring_index", "cofiring", "latent of the same dictionary that fires where this one does"),
    Field("cofiring_count", "cofiring", "positions where both fire; 0 marks an empty slot"),
    Field("across_dictionary", "across", "index in the group's `mates`, the layer's other dictionaries"),
    Field("across_index", "across", "latent of that dictionary"),
    Field("across_count", "across", "positions where both fire; 0 marks an empty slot"),
    Field(
        "effect_hist",
        "effect_bin",
        "token types by logit effect: equal bins from the lowest to the highest; all 0 if these are equal",
    ),
    Field("ablation_raised_token", "moved", "token type; five for each example in turn"),
    Field("ablation_lowered_token", "moved", "token type; five for each example in turn"),
    Field("encoder_index", "encoder", "latent of the same dictionary; its own index marks an empty slot"),
    Field("upstream_dictionary", "upstream", "index in the `dictionaries` of the group's `upstream`"),
    Field("upstream_index", "upstream", "unit of that dictionary"),
    Field("downstream_dictionary", "downstream", "index in the `dictionaries` of the group's `downstream`"),
    Field("downstream_index", "downstream", "unit of that dictionary"),
    Field("writer_head", "writer", "layer x heads of a layer + head"),
)

# Axes of what weights alone tell of other units; their lengths follow from what the atlas has.
RELATED = ("encoder", "writer", "upstream", "downstream")

STATS = ("density", "max", "min", "mean", "mean_firing", "variance", "skew", "kurtosis", "concentration")

DICTIONARY = (
    ArraySpec(
        "examples/tokens",
        ("latent", "example", "offset"),
        "token",
        "token types of each excerpt, zero beyond its length",
        1,
        SHARD,
    ),
    ArraySpec(
        "examples/acts",
        ("latent", "example", "offset"),
        "activation",
        "activation / example_scale, rounded; non-zero is never rounded to 0",
        1,
        SHARD,
    ),
    ArraySpec(
        "card/floats",
        ("latent", "float_field"),
        "f4",
        "every real number of one latent; columns in the group's `fields`",
        1,
        SHARD,
    ),
    ArraySpec(
        "card/ints",
        ("latent", "int_field"),
        "u4",
        "every whole number of one latent; columns in the group's `fields`",
        1,
        SHARD,
    ),
    ArraySpec(
        "preview",
        ("latent", "snippet", "channel", "snippet_offset"),
        "token",
        "snippets of a top, a band and a random example. Channel 0: token types; channel 1:"
        " activation in 0..255 of the latent's maximum (negative ones 0), NO_TOKEN for none",
        PREVIEW_CHUNK,
        PREVIEW_SHARD,
    ),
    *(ArraySpec(f"stats/{f.name}", ("latent",), "f4", f.doc) for f in FLOATS if f.name in STATS),
    ArraySpec("stats/firings", ("latent",), "u4", "token positions with activation > 0"),
    ArraySpec("stats/top_token", ("latent",), "u4", "token type with most activation mass"),
)

LABEL_PARTS = ("text", "source", "score")

# Only in groups of dictionaries that were labelled; their attribute `labels` says by whom, and, unless
# the atlas was made before a latent could have several labels, with `most` how many one has at most.
LABELS = (
    ArraySpec(
        "label",
        ("latent",),
        "string",
        "text of the latent's best label; empty if it has none",
        LABEL_CHUNK,
        PREVIEW_SHARD,
    ),
    ArraySpec(
        "labels",
        ("latent", "label", "label_part"),
        "string",
        "all its labels, of highest score first: what it is said to fire on, by whom, and a score as a"
        " decimal number (empty if there is none). An empty text marks an empty slot",
        256,
    ),
)

# Only in groups of dictionaries that were laid out; their attribute `map` is true.
MAP = (
    ArraySpec(
        "map/xy",
        ("latent", "axis"),
        "u2",
        "where the latent lies in a plane in which latents of like write directions are near: x to the right,"
        " y upwards, both on one scale",
    ),
    ArraySpec("map/region", ("latent",), "u1", "region of the plane that it belongs to, by k-means"),
)

# What one number says of a head; a column each, and a field of its card.
METRICS = (
    Field("self_attention_score", "", "mean attention of a counted query to itself"),
    Field(
        "prev_token_score", "", "mean attention to the token before, over counted queries with a counted one"
    ),
    Field(
        "duplicate_token_score",
        "",
        "attention to all earlier occurrences of the query's token type, mean over the queries that have one",
    ),
    Field(
        "induction_score",
        "",
        "attention of at least 0.01 to tokens that follow an earlier occurrence of the query's token type,"
        " and stand before the query: their sum, mean over the queries that have one",
    ),
    Field("first_position_score", "", "mean attention to the window's first position, an attention sink"),
    Field("pattern_entropy", "", "mean of -sum p ln p over all keys of a query, in nats"),
    Field("qk_distance", "", "mean of query - key over all counted pairs, weighted by attention"),
    Field("qk_distance_variance", "", "variance of query - key, weighted in the same way"),
    Field("mean_max_attention", "", "mean over counted queries of the largest attention to a counted key"),
    Field("max_write_norm", "", "largest write norm of any counted pair"),
    Field(
        "random_prev_token_score",
        "",
        "on random tokens said twice: mean attention from a token said again to the one before it",
    ),
    Field(
        "random_duplicate_token_score",
        "",
        "on random tokens said twice: mean attention from a token said again to its earlier self",
    ),
    Field(
        "random_induction_score",
        "",
        "on random tokens said twice: mean attention from a token said again to what came after its earlier"
        " self",
    ),
    Field(
        "copying_score",
        "",
        "sum of the eigenvalues of the OV circuit / sum of their magnitudes: 1 if every token promotes"
        " itself, -1 if it suppresses itself",
    ),
)

HEAD_FLOATS = (
    Field("example_write", "example", "largest write norm of a counted pair of the window"),
    Field(
        "example_attention",
        "example",
        "sum over the window's counted queries of the largest attention to an earlier counted key",
    ),
    Field("example_pattern", "example", "attention at the example's peak, exact"),
    Field("offset_attention", "offset", "mean attention at each distance, over the counted pairs at it"),
    Field("query_attention", "type", "mean over the type's occurrences of their attention to counted keys"),
    Field("query_share", "type", "share of all attention to counted keys that goes out from the type"),
    Field("key_attention", "type", "mean over the type's occurrences of the attention that they get"),
    Field("key_share", "type", "share of all attention to counted keys that the type gets"),
    Field("query_missed", "", "share of it that goes out from types too rare to be counted one by one"),
    Field("key_missed", "", "share of it that such types get"),
    Field("ov_promoted_value", "ov", "logit effect of attending to the key type, largest first"),
    Field("ov_suppressed_value", "ov", "logit effect of attending to the key type, lowest first"),
    Field("qk_value", "qk", "content score of the query type with a key type, largest first"),
    *METRICS,
)

HEAD_INTS = (
    Field("example_document", "example", "index of the document"),
    Field("example_position", "example", "position of the window's first counted token, no BOS"),
    Field(
        "example_length",
        "example",
        "tokens in the window, its first position included; 0 marks an empty slot",
    ),
    Field("example_query", "example", "window index of the peak's query"),
    Field("example_key", "example", "window index of the peak's key"),
    Field(
        "max_hist", "bin", "counted queries by their largest attention to a counted key: 50 bins from 0 to 1"
    ),
    Field("duplicate_queries", "", "counted queries whose token type occurs earlier at a counted position"),
    Field("induction_queries", "", "those of them at which a token stands between it and the query"),
    Field("query_token", "type", "token type, by share"),
    Field("query_count", "type", "its occurrences at counted positions; 0 marks an empty slot"),
    Field("key_token", "type", "token type, by share"),
    Field("key_count", "type", "its occurrences at counted positions; 0 marks an empty slot"),
    Field("ov_promoted_token", "ov", "token type; ten for each key type in turn"),
    Field("ov_suppressed_token", "ov", "token type; ten for each key type in turn"),
    Field("qk_token", "qk", "key type; ten for each query type in turn"),
)

HEADS = (
    ArraySpec(
        "windows/tokens",
        ("head_example", "position"),
        "token",
        "token types of each example's whole window as the model read it, a BOS included; zero beyond its"
        " length. Row: head x examples of a head + example",
        1,
        SHARD,
    ),
    ArraySpec(
        "windows/attention",
        ("head_example", "key_or_step", "position", "rank"),
        "u2",
        "of each query the largest attention, at least 0.005, largest first: the key's window index, and"
        " the attention in 255ths, rounded; 0 marks an empty slot",
        1,
        SHARD,
    ),
    ArraySpec(
        "windows/norms",
        ("head_example", "position"),
        "f4",
        "‖v W_O‖, the norm of what each key's value v writes to the residual stream: times attention, the"
        " write norm",
        1,
        SHARD,
    ),
    ArraySpec(
        "head/floats",
        ("head", "float_field"),
        "f4",
        "every real number of one head; columns in the group's `fields`",
        1,
        SHARD,
    ),
    ArraySpec(
        "head/ints",
        ("head", "int_field"),
        "u4",
        "every whole number of one head; columns in the group's `fields`",
        1,
        SHARD,
    ),
    *(ArraySpec(f"scores/{f.name}", ("head",), "f4", f.doc) for f in METRICS),
)

CORPUS = (
    ArraySpec(
        "tokens", ("token",), "token", "the documents' tokens, one after another, no BOS", 8192, 262_144
    ),
    ArraySpec(
        "document_start",
        ("document_edge",),
        "u4",
        "offset of each document's first token in `tokens`, and the end of the last",
    ),
    ArraySpec("document_id", ("document",), "string", "what the source calls the document", 1024),
    ArraySpec("document_source", ("document",), "string", "the corpus source it came from", 1024),
)

VOCABULARY = (
    ArraySpec("text", ("type",), "string", "the token as text; as hex digits if its bytes are not UTF-8"),
    ArraySpec("kind", ("type",), "u1", "0 text, 1 bytes that are no UTF-8, 2 special"),
)

TOKENS = (
    ArraySpec("count", ("type",), "u4", "occurrences of the type at counted positions", 1024),
    ArraySpec(
        "units",
        ("type", "side", "rank"),
        "u4",
        "units that fire on the type, promote it and suppress it, strongest first, ties to the lower:"
        " number of the first unit of the dictionary + index of the latent",
        TOKEN_CHUNK,
        TOKEN_SHARD,
    ),
    ArraySpec(
        "values",
        ("type", "side", "rank", "measure"),
        "f4",
        "fires: cosine, firings on the type / sqrt(its occurrences x the unit's firings), and P(the unit"
        " fires at the type). promoted and suppressed: logit effect at the unit's highest activation, and"
        " per unit of activation. A first measure of 0 marks an empty slot",
        TOKEN_CHUNK,
        TOKEN_SHARD,
    ),
)

SEARCH = (
    ArraySpec(
        "terms/text",
        ("term",),
        "string",
        "every word of a unit, folded, in the order of its UTF-16 code units",
        WORD_CHUNK,
        WORD_SHARD,
    ),
    ArraySpec(
        "terms/place",
        ("term", "place"),
        "u4",
        "row of the word's first posting; units with it in their labels; units with it in their text."
        " The postings are of its best 512 units by label, then of those by text",
        WORD_CHUNK,
        WORD_SHARD,
    ),
    ArraySpec(
        "postings",
        ("posting", "part"),
        "u4",
        "unit; weight in steps of 0.0001, largest first, ties to the lower unit; the unit's top token,"
        " NO_TYPE if it never fires",
        POSTING_CHUNK,
        POSTING_SHARD,
    ),
    ArraySpec(
        "said",
        ("unit",),
        "string",
        "texts of the unit's labels, best first, joined by ' · ' and cut at 160 characters; empty if it"
        " has none",
        SAID_CHUNK,
        SAID_SHARD,
    ),
)


def histogram_edges() -> list[float]:
    """The N_BINS + 1 edges, quarter octaves linear in each octave: 2^e * (1, 1.25, 1.5, 1.75)."""
    steps = range(BINS_PER_OCTAVE)
    inner = [2.0**e * (1 + s / BINS_PER_OCTAVE) for e in range(FIRST_OCTAVE, LAST_OCTAVE) for s in steps]
    return [*inner, 2.0**LAST_OCTAVE]


def sections(n_top: int, two_signed: bool) -> dict[str, tuple[int, int]]:
    """Rows of the `example` axis: top, bottom (two-signed units only), bands (strongest first), random."""
    lengths = {
        "top": n_top,
        "bottom": n_top if two_signed else 0,
        "bands": N_BANDS * PER_BAND,
        "random": N_RANDOM,
    }
    rows: dict[str, tuple[int, int]] = {}
    start = 0
    for name, length in lengths.items():
        rows[name] = (start, start + length)
        start += length
    return rows


def dictionary_sizes(
    n_latents: int,
    n_top: int,
    two_signed: bool,
    has_mates: bool,
    n_heads: int = 0,
    n_ablated: int = 0,
    related: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Length of every axis of a dictionary's arrays and card fields.

    Units of two signs fire nearly everywhere: which fire together is not counted. `has_mates` says
    that the layer has other dictionaries whose latents' firings are. `n_heads` is 0 unless the latents
    are those of an attention output, and their heads told. `n_ablated` top examples tell what ablating
    the latent does there. `related` gives lengths of the axes of RELATED, 0 where it gives none.
    """
    sizes = {
        "latent": n_latents,
        "example": sections(n_top, two_signed)["random"][1],
        "offset": EXCERPT,
        "snippet": SNIPPETS,
        "channel": 2,
        "snippet_offset": SNIPPET,
        "band": N_BANDS,
        "effect": N_EFFECTS,
        "effect_bin": N_EFFECT_BINS,
        "neighbour": N_NEIGHBOURS,
        "fires_on": N_FIRES_ON,
        "bin": N_BINS,
        "cofiring": 0 if two_signed else N_COFIRING,
        "across": N_COFIRING if has_mates else 0,
        "head": n_heads,
        "ablated": n_ablated,
        "moved": n_ablated * N_MOVED,
        **dict.fromkeys(RELATED, 0),
        **(related or {}),
    }
    return sizes | card_sizes(FLOATS, INTS, sizes)


def card_sizes(
    floats: tuple[Field, ...], ints: tuple[Field, ...], sizes: Mapping[str, int]
) -> dict[str, int]:
    """Number of columns of the two cards."""
    return {
        name: sum(sizes[field.axis] if field.axis else 1 for field in fields)
        for name, fields in (("float_field", floats), ("int_field", ints))
    }


def head_sections() -> dict[str, tuple[int, int]]:
    """Rows of a head's `example` axis: by write norm, by attention, at random."""
    edges = [0, N_WRITE, N_WRITE + N_ATTENTION, N_WRITE + N_ATTENTION + N_WINDOWS]
    return dict(zip(("write", "attention", "random"), zip(edges, edges[1:], strict=False), strict=True))


def head_sizes(n_heads: int, ctx: int) -> dict[str, int]:
    """Length of every axis of a layer's heads."""
    example = head_sections()["random"][1]
    sizes = {
        "head": n_heads,
        "example": example,
        "head_example": n_heads * example,
        "position": ctx,
        "key_or_step": 2,
        "rank": N_KEYS,
        "offset": ctx,
        "type": N_HEAD_TYPES,
        "ov": N_HEAD_TYPES * N_EFFECTS,
        "qk": N_HEAD_TYPES * N_EFFECTS,
        "bin": ATTENTION_BINS,
    }
    return sizes | card_sizes(HEAD_FLOATS, HEAD_INTS, sizes)


def token_sizes(d_vocab: int) -> dict[str, int]:
    """Length of every axis of the token index."""
    return {"type": d_vocab, "side": len(SIDES), "rank": N_UNITS, "measure": 2}


def columns(fields: tuple[Field, ...], sizes: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Column range [start, stop) of each field of a card."""
    ranges: dict[str, tuple[int, int]] = {}
    start = 0
    for field in fields:
        stop = start + (sizes[field.axis] if field.axis else 1)
        ranges[field.name] = (start, stop)
        start = stop
    return ranges


def numpy_dtype(spec: ArraySpec, d_vocab: int, two_signed: bool) -> str:
    """The concrete dtype of an array: "token" and "activation" depend on the vocabulary and the units."""
    if spec.dtype == "token":
        return "<u2" if d_vocab <= 65_536 else "<u4"
    if spec.dtype == "activation":
        return "|i1" if two_signed else "|u1"
    return {"f4": "<f4", "u4": "<u4", "u2": "<u2", "u1": "|u1", "string": "string"}[spec.dtype]
