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
N_NEIGHBOURS = 10
N_FIRES_ON = 16
N_COFIRING = 10  # latents that fire with a latent: of its dictionary, and of the layer's others
SIDES = ("fires", "promoted", "suppressed")  # what units do at or to a token type
N_UNITS = 32  # units told of a token type on each side

BINS_PER_OCTAVE, FIRST_OCTAVE, LAST_OCTAVE = 4, -8, 8
N_BINS = BINS_PER_OCTAVE * (LAST_OCTAVE - FIRST_OCTAVE)

# 512 latents a shard: a cold latent page reads one 8 KiB index for each of four arrays; with 1,024
# the indexes alone would be 64 KiB, the whole budget of that page.
SHARD = 512
# A list sorted by any column shows latents from all over: its preview has one small index for up to
# 32,768 latents, and 16 latents (about 1.5 KB) a chunk.
PREVIEW_CHUNK, PREVIEW_SHARD = 16, 32_768
# A token's page reads two arrays: of each an index of 2 KiB and the chunk of eight types, up to 6 KB.
TOKEN_CHUNK, TOKEN_SHARD = 8, 1_024


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
)

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
    ArraySpec("label", ("latent",), "string", "text of the latent's best label; empty if it has none", 1024),
    ArraySpec(
        "labels",
        ("latent", "label", "label_part"),
        "string",
        "all its labels, of highest score first: what it is said to fire on, by whom, and a score as a"
        " decimal number (empty if there is none). An empty text marks an empty slot",
        256,
    ),
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


def dictionary_sizes(n_latents: int, n_top: int, two_signed: bool, has_mates: bool) -> dict[str, int]:
    """Length of every axis of a dictionary's arrays and card fields.

    Units of two signs fire nearly everywhere: which fire together is not counted. `has_mates` says
    that the layer has other dictionaries whose latents' firings are.
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
    }
    sizes["float_field"] = sum(sizes[f.axis] if f.axis else 1 for f in FLOATS)
    sizes["int_field"] = sum(sizes[f.axis] if f.axis else 1 for f in INTS)
    return sizes


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
    return {"f4": "<f4", "u4": "<u4", "u1": "|u1", "string": "string"}[spec.dtype]
