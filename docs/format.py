"""`docs/atlas-format.md` from the contract: `python -m docs.format` rewrites it."""

from __future__ import annotations

from pathlib import Path

from feature_atlas import contract
from feature_atlas.contract import (
    CORPUS,
    DICTIONARY,
    FLOATS,
    HEAD_FLOATS,
    HEAD_INTS,
    HEADS,
    INTS,
    LABELS,
    MAP,
    SEARCH,
    TOKENS,
    VOCABULARY,
    ArraySpec,
    Field,
)

PATH = Path(__file__).parent / "atlas-format.md"

_HEAD = f"""<!-- Made from feature_atlas/contract.py by: python -m docs.format -->
# The atlas format, version {contract.FORMAT_VERSION}

An atlas is a folder, on disk or on any static host:

```
ATLAS/
  atlas.json                  manifest: format version, current run, model, windowing, corpus, dictionaries,
                              heads
  runs/<run>/                 never changes once the manifest names it
    files.json                size and SHA-256 of every file, for `atlas verify`
    tokenizer/tokenizer.json
    vocabulary.zarr           token types as text
    corpus.zarr               the documents' tokens, in order
    tokens.zarr               for each token type the units that fire on it, promote it, suppress it
    search.zarr               for each word the units whose labels say it, and that peak on it
    dictionaries/<id>.zarr    one group for each dictionary, and for the heads of each layer
```

Every `.zarr` is a Zarr v3 group with consolidated metadata. Its attributes hold `shard_sizes`: the
bytes of each file, so that a reader needs only absolute byte ranges and can tell a missing file
(an error) from one that was all zeros and never written. Chunks are gzip.

`dtype` token is `u2` up to a vocabulary of 65,536 and `u4` above; activation is `u1`, or `i1` for
units with two signs. Chunk and shard are lengths of the first dimension; the others are whole.

A dictionary group's attributes also hold `sizes` (length of each axis), `sections` (rows of the
`example` axis: top, bottom, bands, random) and `fields` (columns of the two cards). Those of a labelled
dictionary hold `labels`: `source`, by whom; `count`, how many latents are labelled; and `most`, how many
labels one has at most, which atlases made before there could be several do not have, nor the array.
Those of a dictionary with a map hold `map`: true; heads, small dictionaries and older atlases have none.

The fields `ablation_*` tell of the first top examples, as many as the axis `ablated` is long, what the model
says if the latent's part is taken out of the whole window: activation x what it writes to the residual
stream, at every counted position, all else there as it was (docs/decisions/0014-effects.md). Of an empty slot
of `example` they are 0; of one that moved up where documents were left out, no number. The axis has length 0
where that was not computed; atlases made before it could be have no such fields.

Its `upstream` and `downstream` are null, or tell `dictionaries`, whose latents the fields of that name
count, and `chance`, the median of the largest |cosine| that so many units would have by random directions.
The virtual weight from unit i to unit j is w_i . r_j: w_i is what a unit of activation of i adds to the
residual stream, r_j the direction of the stream along which j's h grows, the gain of a norm between the
two in it, the mean taken off, the norm's scale left out. Atlases made before these were told have neither
the attributes nor the fields.

Window i of a document holds its tokens [i * stride, (i + 1) * stride), after the BOS if there is
one; positions in `skipped` are read but not counted. `document` is an index into `corpus.zarr`,
`position` a token offset in that document, BOS not counted. Of the manifest's `corpus.excluded` documents
this copy of the run quotes nothing: their tokens are 0 and no example is theirs; statistics include them.

The heads of layer L are the manifest's record `attn.L`; atlases made before heads were described have
none. In what is said of them a query or key is counted if its window index is not in `skipped`, a pair
if both are; no key follows its query. Their group's `sections` are write, attention, random. The write
norm of a pair is its attention times ‖v W_O‖, v being the key's value: the length of what the head moves
from there to the residual stream at the query.

OV and QK tables are of weights alone. e(t) is what `ln1` of the layer makes of the embedding of type t by
itself, no position in it. Attending to t has the logit effect e(t) W_V W_O (gain * W_U), gain being
the final norm's, vocabulary mean removed; b_V, which adds the same whatever is attended to, is left out.
The content score of query type q and key type k is e(q) W_Q . e(k) W_K / sqrt(d_head), without biases; it
is not what the head computes where positions matter, which `rotary` models turn queries and keys by.
The copying score is that of the matrix of the logit effects of all types.

`tokens.zarr` is where the manifest's `token_index` says; atlases made before there was one say null.
Its axis `side` is {", ".join(contract.SIDES)}. Its attributes `dictionaries` and `first_units` give the
dictionaries in order and the number of each one's first unit; units are numbered through all of them.
Units are found by what is known of them: by a table of the types that each fires on, so that of an
SAE's or transcoder's latent up to its `fires_on_missed` may be left out of a count, and of a neuron only
the corpus' commonest types (`scan.fires_on_types`) are told; and by the ten tokens that each promotes
and the ten that it suppresses most. A unit whose ten do not include the type is not found.

`search.zarr` is where the manifest's `search_index` says; atlases made before there was one say null. It
numbers units as `tokens.zarr` does. Its attribute `first_terms` gives the first word of each chunk of
`terms/text`, and `sizes` the numbers of terms, postings and units. A word is a run of letters and digits of
the text after NFKD, without marks, in lower case, cut at 32 letters. A unit's words are those of its labels,
as `said` has them, each with its share of them; and the twelve of largest share of its text: the sum over
its top examples of activation / highest activation / (1 + d), divided by the number of their slots. d is the
distance in words of the word's nearest occurrence in the excerpt, 0 for words that the peak token is part
of, up to 2, among the 12 tokens on either side. A posting's weight is share x ln(1 + units / units with
the word).
"""


def format_page() -> str:
    """The page as Markdown."""
    groups = (
        ("dictionaries/<id>.zarr", DICTIONARY),
        ("dictionaries/<id>.zarr of a labelled dictionary", LABELS),
        ("dictionaries/<id>.zarr of a dictionary that was laid out", MAP),
        ("dictionaries/attn.<layer>.zarr", HEADS),
        ("corpus.zarr", CORPUS),
        ("vocabulary.zarr", VOCABULARY),
        ("tokens.zarr", TOKENS),
        ("search.zarr", SEARCH),
    )
    cards = (
        ("card/floats", FLOATS),
        ("card/ints", INTS),
        ("head/floats", HEAD_FLOATS),
        ("head/ints", HEAD_INTS),
    )
    parts = [
        _HEAD,
        *(_arrays(name, specs) for name, specs in groups),
        *(_fields(name, f) for name, f in cards),
    ]
    return "\n".join([*parts, _constants()])


def _arrays(name: str, specs: tuple[ArraySpec, ...]) -> str:
    rows = [
        f"| `{s.path}` | {', '.join(s.dims)} | {s.dtype} | {s.chunk or 'all'} | {s.shard or '–'} | {s.doc} |"
        for s in specs
    ]
    return _table(name, "| array | dimensions | dtype | chunk | shard | meaning |", rows)


def _fields(name: str, fields: tuple[Field, ...]) -> str:
    rows = [f"| `{field.name}` | {field.axis or 'one'} | {field.doc} |" for field in fields]
    return _table(f"Columns of {name}", "| field | columns | meaning |", rows)


def _constants() -> str:
    names = (
        "EXCERPT SNIPPETS SNIPPET NO_TOKEN N_BANDS PER_BAND N_RANDOM N_EFFECTS N_EFFECT_BINS N_MOVED N_LATER"
        " N_NEIGHBOURS N_VIRTUAL N_WRITERS N_FIRES_ON N_UNITS N_WORDS N_POSTINGS NO_TYPE N_WRITE"
        " N_ATTENTION N_WINDOWS N_KEYS"
        " ATTENTION_STEPS N_HEAD_TYPES ATTENTION_BINS BINS_PER_OCTAVE FIRST_OCTAVE LAST_OCTAVE"
    ).split()
    rows = [f"| `{name}` | {getattr(contract, name):,} |" for name in names]
    return _table("Constants", "| name | value |", rows)


def _table(title: str, head: str, rows: list[str]) -> str:
    rule = "|" + "---|" * (head.count("|") - 1)
    return "\n".join([f"## {title}", "", head, rule, *rows, ""])


if __name__ == "__main__":
    PATH.write_text(format_page())
