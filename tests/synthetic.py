"""Small atlases made straight from the contract: what the site's tests look at, without a model.

`python -m tests.synthetic FOLDER` writes all of them, to look at with `atlas site` and `atlas serve`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from feature_atlas.contract import (
    CORPUS,
    DICTIONARY,
    EXCERPT,
    FLOATS,
    FORMAT,
    FORMAT_VERSION,
    INTS,
    LABELS,
    MAP,
    N_BANDS,
    N_COFIRING,
    N_EFFECT_BINS,
    N_FIRES_ON,
    N_NEIGHBOURS,
    NO_TOKEN,
    PER_BAND,
    SHARD,
    SNIPPET,
    STATS,
    VOCABULARY,
    ArraySpec,
    columns,
    dictionary_sizes,
    histogram_edges,
    sections,
)
from feature_atlas.labels import Label, label_arrays, label_attribute
from feature_atlas.manifest import MANIFEST
from feature_atlas.store import create_group
from feature_atlas.verify import FILES, list_files
from tests import synthetic_related
from tests.synthetic_effects import N_ABLATED, ablations
from tests.synthetic_heads import N_HEADS, write_heads
from tests.synthetic_map import LEAST, laid_out
from tests.synthetic_search import write_indexes

Arrays = dict[str, np.ndarray[Any, Any]]

RUN = "synthetic"
N_TOP = 20
HOSTILE = "<img src=x onerror=alert(1)></script>"
QUALITY = {
    "text": HOSTILE,
    "n_tokens": 500_000,
    "n_spliced": 50_000,
    "l0": 15.97,
    "dead": 0.0123,
    "fvu": 0.0987,
    "fvu_per_position": 0.1234,
    "ce": 3.5,
    "ce_spliced": 3.75,
    "ce_mean_ablated": 8.5,
    "density_histogram": [0] * 8 + [5, 9, 14, 7, 3] + [0] * 11,
}
_PIECE = re.compile(r"\n+ *|\t|<[^ ]+>| ?[A-Za-zäöüéè']+| ?[0-9]{1,3}| ?[^\sA-Za-z0-9]| +")
_SENTENCES = (
    "On {month} {n} the harbour of {city} was {n} metres deep, and the tide rose by {n} centimetres.",
    "def read_{noun}(path, limit={n}):\n    with open(path) as {noun}:\n        return {noun}.read(limit)",
    "The {noun} is not the {noun} that {name} saw in {city}; it weighs {n} kilograms.",
    "Boil {n} grams of rice for {n} minutes, then add the {noun} and a spoon of salt.",
    "“I have never been to {city},” said {name}, “but in {month} I shall see the {noun}.”",
    "for {noun} in {noun}s:\n    if {noun} is None:\n        raise ValueError(f'no {noun}')",
    "In {month} {name} measured the {noun} {n} times: the mean was {n}.{n} and the error {n} %.",
)
_WORDS = {
    "month": ["January", "March", "April", "June", "August", "October", "December"],
    "city": ["Lisbon", "Bergen", "Kyoto", "Quito", "Zürich", "Accra", "Tallinn"],
    "noun": [
        "lantern",
        "engine",
        "river",
        "matrix",
        "window",
        "letter",
        "garden",
        "signal",
        "planet",
        "token",
    ],
    "name": ["Ada", "Noor", "Emil", "Ingrid", "Tomás", "Wei"],
}


@dataclass(frozen=True)
class Text:
    """A corpus as tokens: document i holds [starts[i], starts[i + 1])."""

    tokens: np.ndarray[Any, Any]
    starts: np.ndarray[Any, Any]
    ids: list[str]
    vocabulary: list[str]
    kinds: list[int]


@dataclass(frozen=True)
class Units:
    """A dictionary to make up: what it is, how many latents, and the share that never fires."""

    id: str
    hook: str
    n_latents: int
    two_signed: bool = False
    dead: float = 0.0
    labels: dict[int, list[Label]] = field(default_factory=dict)
    heads: int = 0  # of the layer, if its latents are told by them


def normal(path: Path) -> Path:
    """Two layers of two-signed neurons and of heads, and an SAE with dead and rare latents."""
    units = [Units(f"mlp_post.{layer}", f"mlp_post.{layer}", 96, two_signed=True) for layer in (0, 1)]
    return write_atlas(
        path,
        "A synthetic atlas",
        prose(100),
        [*units, Units("resid_post.1.toy", "resid_post.1", 300, dead=0.1)],
        heads=2,
    )


def hostile(path: Path) -> Path:
    """Names and tokens that try to be markup, to turn the writing direction, or to vanish."""
    awkward = [
        HOSTILE,
        " \u202egnp.exe",
        "👩🏽‍🚀",
        "\x00",
        "\u200b",
        "</title><script>alert(2)</script>",
        "\n\n",
        "\t",
        "&amp;",
    ]
    text = prose(60, ids=lambda i: f"{HOSTILE} {i}", every=(5, awkward))
    said = [Label(f"label {HOSTILE}", "a tester", 0.5), Label("another", HOSTILE, -1e-3)]
    said += [Label(f"guess {number}", "a guesser") for number in range(3)]
    units = [
        Units("resid_post.0.x", "resid_post.0", 64, labels={7: said}, heads=2),
        Units("mlp_post.0", "mlp_post.0", 32, two_signed=True),
    ]
    return write_atlas(path, f"Hostile {HOSTILE}", text, units, heads=1)


def large(path: Path) -> Path:
    """One dictionary of 24,576 latents, made to be listed: its latent pages can't be opened."""
    units = Units("resid_post.0.large", "resid_post.0", 24_576, dead=0.02)
    return write_atlas(path, "A large atlas", prose(100), [units])


def broken(path: Path) -> Path:
    """The normal atlas after somebody lost a shard of the SAE's examples."""
    normal(path)
    lose_shard(path)
    return path


def lose_shard(path: Path) -> None:
    """Removes the first shard of the examples of the normal atlas' SAE."""
    store = path / "runs" / RUN / "dictionaries" / "resid_post.1.toy.zarr"
    (store / "examples" / "tokens" / "c" / "0" / "0" / "0").unlink()


def prose(
    n_documents: int, ids: Callable[[int], str] | None = None, every: tuple[int, list[str]] | None = None
) -> Text:
    """Documents of a few made-up sentences; `every` puts one of the given tokens after each so many."""
    random = np.random.default_rng(7)
    documents = [list(_pieces(random, every)) for _ in range(n_documents)]
    plain = sorted({piece for document in documents for piece in document})
    vocabulary = ["<|endoftext|>", "e2 80", *plain]
    index = {piece: i for i, piece in enumerate(vocabulary)}
    lengths = [len(document) for document in documents]
    name = ids or (lambda i: f"notes/{_WORDS['city'][i % 7].lower()}-{i:03}.md")
    return Text(
        tokens=np.array([index[piece] for document in documents for piece in document], np.uint16),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.uint32),
        ids=[name(i) for i in range(n_documents)],
        vocabulary=vocabulary,
        kinds=[2, 1, *[0] * len(plain)],
    )


def write_atlas(path: Path, title: str, text: Text, units: list[Units], heads: int = 0) -> Path:
    """Writes a whole atlas, with the heads of so many layers; its manifest last."""
    run = path / "runs" / RUN
    run.mkdir(parents=True)
    d_vocab = len(text.vocabulary)
    names = {"document_id": text.ids, "document_source": ["synthetic"] * len(text.ids)}
    corpus = {"tokens": text.tokens, "document_start": text.starts}
    corpus |= {name: np.array(values, dtype=object) for name, values in names.items()}
    create_group(run / "corpus.zarr", CORPUS, corpus, {}, d_vocab=d_vocab)
    vocabulary = {"text": np.array(text.vocabulary, dtype=object), "kind": np.array(text.kinds)}
    create_group(run / "vocabulary.zarr", VOCABULARY, vocabulary, {})
    (run / "dictionaries").mkdir()
    alive = [_write_dictionary(run / "dictionaries" / f"{each.id}.zarr", text, each) for each in units]
    for layer in range(heads):
        write_heads(run / "dictionaries" / f"attn.{layer}.zarr", text, layer)
    indexes = (
        write_indexes(run, [each.id for each in units]) if all(u.n_latents <= 300 for u in units) else {}
    )
    files = list_files(run)
    (run / FILES).write_text(json.dumps(files))
    n_bytes = sum(size for size, _ in files.values())
    (path / MANIFEST).write_text(
        json.dumps(
            _manifest(title, text, list(zip(units, alive, strict=True)), n_bytes)
            | indexes
            | ({"heads": [_heads(layer) for layer in range(heads)]} if heads else {})
        )
    )
    return path


def _pieces(random: np.random.Generator, every: tuple[int, list[str]] | None) -> Iterator[str]:
    for count in range(int(random.integers(3, 9))):
        sentence = str(random.choice(_SENTENCES))
        words = re.sub(r"\{(\w+)\}", lambda match: _word(random, match[1]), sentence)
        for at, piece in enumerate(
            _PIECE.findall((" " if count else "") + words + ("\n\n" if count % 3 == 2 else ""))
        ):
            yield piece
            if every and at % every[0] == every[0] - 1:
                yield every[1][int(random.integers(len(every[1])))]


def _word(random: np.random.Generator, kind: str) -> str:
    return str(random.integers(1, 60)) if kind == "n" else str(random.choice(_WORDS[kind]))


def _write_dictionary(into: Path, text: Text, units: Units) -> int:
    """Makes a shard of latents in full; a longer dictionary repeats them, so that its lists are real."""
    ablated = 0 if units.two_signed else N_ABLATED
    related, told = synthetic_related.sizes(units.id), synthetic_related.attributes(units.id)
    mates = bool(told["mates"])
    sizes = dictionary_sizes(units.n_latents, N_TOP, units.two_signed, mates, units.heads, ablated, related)
    whole = min(units.n_latents, SHARD)
    random = np.random.default_rng(len(units.id))
    made = [_latent(text, units, latent, whole, random) for latent in range(whole)]
    arrays = {name: np.stack([each[name] for each in made]) for name in made[0]}
    if units.n_latents > whole:
        arrays = _repeated(arrays, units.n_latents, random)
    ranges = {"floats": columns(FLOATS, sizes), "ints": columns(INTS, sizes)}
    attributes = {
        "sizes": sizes,
        "sections": sections(N_TOP, units.two_signed),
        "fields": ranges,
        "writes": True,
        "heads": f"attn.{units.hook[-1]}" if units.heads else None,
        **told,
    }
    specs = _coarse() if units.n_latents > whole else DICTIONARY
    if units.labels:
        specs = (*specs, *LABELS)
        arrays |= label_arrays(units.labels, units.n_latents)
        attributes["labels"] = label_attribute(units.labels)
    if units.n_latents >= LEAST:
        specs, arrays, attributes["map"] = (*specs, *MAP), arrays | laid_out(units.n_latents), True
    d_vocab = len(text.vocabulary)
    create_group(into, specs, arrays, attributes, d_vocab=d_vocab, two_signed=units.two_signed)
    return int((arrays["stats/firings"] > 0).sum())


def _coarse() -> list[ArraySpec]:
    """Zarr spends 0.4 ms on a chunk: one per latent would take half a minute."""
    return [replace(spec, chunk=SHARD) if spec.chunk == 1 else spec for spec in DICTIONARY]


def _latent(text: Text, units: Units, latent: int, n: int, random: np.random.Generator) -> Arrays:
    acts = _activations(text, units, latent, random)
    spots = _spots(text, acts, units.two_signed, random)
    examples = [_excerpt(text, acts, spot, units.two_signed) for spot in spots]
    fields = {
        **_statistics(acts, text.tokens),
        **_histogram(acts, spots),
        **_fires_on(acts, text.tokens, len(text.vocabulary)),
        **_made_up(len(text.vocabulary), latent, n, random),
        **_cofiring(latent, n, units.two_signed, random),
        **ablations(len(text.vocabulary), latent, units.two_signed),
        **synthetic_related.fields(units.id, latent, n),
        "head_part": random.normal(0, 1, units.heads),
        **{
            name: np.array([each[name] for each in examples])
            for name in examples[0]
            if name.startswith("example")
        },
    }
    tokens = np.stack([each["tokens"] for each in examples])
    quantised = np.stack([each["acts"] for each in examples])
    return {
        "examples/tokens": tokens,
        "examples/acts": quantised,
        "card/floats": np.concatenate([np.atleast_1d(fields[f.name]) for f in FLOATS]).astype(np.float32),
        "card/ints": np.concatenate([np.atleast_1d(fields[f.name]) for f in INTS]).astype(np.uint32),
        "preview": _preview(examples, float(acts.max()), units.two_signed),
        **{f"stats/{name}": np.float32(fields[name]) for name in STATS},
        "stats/firings": np.uint32(fields["firings"]),
        "stats/top_token": np.uint32(fields["fires_on_token"][0]),
    }


def _activations(text: Text, units: Units, latent: int, random: np.random.Generator) -> np.ndarray[Any, Any]:
    """Zero but on a few token types; neurons hum around zero as well."""
    n = len(text.tokens)
    acts = np.zeros(n) if not units.two_signed else np.maximum(random.normal(-0.05, 0.08, n), -0.17)
    if random.random() < units.dead:
        return acts * 0
    types = 2 + (latent * 7 + np.arange(1 + latent % 4) * 11) % (len(text.vocabulary) - 2)
    fires = np.isin(text.tokens, types) & (random.random(n) < 0.9)
    if latent % 23 == 5:
        fires &= np.cumsum(fires) <= 6
    return np.where(fires, random.gamma(2.0, 1.5, n) * (1 + latent % 5), acts).astype(np.float32)


def _spots(
    text: Text, acts: np.ndarray[Any, Any], two_signed: bool, random: np.random.Generator
) -> list[int]:
    """Corpus token of every example's peak, in the order of the contract's sections; -1 for none."""
    firing = np.flatnonzero(acts > 0)
    order = firing[np.argsort(-acts[firing], kind="stable")]
    rows = _padded(order, N_TOP)
    if two_signed:
        rows += _padded(np.argsort(acts, kind="stable"), N_TOP)
    low, high = _band_edges(float(acts.max()))
    for band in range(N_BANDS):
        inside = firing[(acts[firing] >= low[band]) & (acts[firing] < high[band])]
        rows += _padded(random.permutation(inside), PER_BAND)
    return rows + _padded(random.permutation(firing), PER_BAND)


def _padded(spots: np.ndarray[Any, Any], length: int) -> list[int]:
    return [int(spots[i]) if i < len(spots) else -1 for i in range(length)]


def _band_edges(highest: float) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    top = np.floor(np.log2(highest)) if highest > 0 else 0
    high = 2.0 ** (top + 1 - np.arange(N_BANDS))
    low = np.append(high[1:], 0)
    return low, high


def _excerpt(text: Text, acts: np.ndarray[Any, Any], spot: int, two_signed: bool) -> dict[str, Any]:
    document = int(np.searchsorted(text.starts, max(spot, 0), side="right") - 1)
    begin, end = int(text.starts[document]), int(text.starts[document + 1])
    length = min(EXCERPT, end - begin) if spot >= 0 else 0
    first = min(max(spot - 42, begin), end - length)
    inside = acts[first : first + length]
    step = (float(np.abs(inside).max()) if length else 0.0) / (127 if two_signed else 255) or 1.0
    tokens, quantised = np.zeros(EXCERPT, np.uint16), np.zeros(EXCERPT, np.int16)
    tokens[:length] = text.tokens[first : first + length]
    quantised[:length] = np.where(inside > 0, np.maximum(1, np.round(inside / step)), np.round(inside / step))
    return {
        "tokens": tokens,
        "acts": quantised,
        "example_activation": float(acts[spot]) if length else 0.0,
        "example_scale": step if length else 0.0,
        "example_document": document if length else 0,
        "example_position": spot - begin if length else 0,
        "example_peak": spot - first if length else 0,
        "example_length": length,
    }


def _statistics(acts: np.ndarray[Any, Any], tokens: np.ndarray[Any, Any]) -> dict[str, Any]:
    firings = int((acts > 0).sum())
    mass = np.bincount(tokens, weights=np.maximum(acts, 0))
    centred = acts - acts.mean()
    variance = float((centred**2).mean())
    return {
        "density": firings / len(acts),
        "max": acts.max(),
        "min": acts.min(),
        "mean": acts.mean(),
        "mean_firing": acts[acts > 0].mean() if firings else 0,
        "variance": variance,
        "skew": (centred**3).mean() / variance**1.5 if variance else 0,
        "kurtosis": (centred**4).mean() / variance**2 if variance else 0,
        "concentration": np.sort(mass)[-5:].sum() / mass.sum() if firings else 0,
        "firings": firings,
    }


def _histogram(acts: np.ndarray[Any, Any], spots: list[int]) -> dict[str, Any]:
    edges = np.array(histogram_edges())
    firing = acts[acts > 0]
    low, high = _band_edges(float(acts.max()))
    return {
        "hist": np.histogram(firing, edges)[0],
        "hist_underflow": int((firing < edges[0]).sum()),
        "hist_overflow": int((firing >= edges[-1]).sum()),
        "band_low": low,
        "band_high": high,
        "band_firings": np.array(
            [((firing >= a) & (firing < b)).sum() for a, b in zip(low, high, strict=True)]
        ),
    }


def _fires_on(acts: np.ndarray[Any, Any], tokens: np.ndarray[Any, Any], d_vocab: int) -> dict[str, Any]:
    count = np.bincount(tokens, minlength=d_vocab)
    fires = np.bincount(tokens, weights=acts > 0, minlength=d_vocab)
    mass = np.bincount(tokens, weights=np.maximum(acts, 0), minlength=d_vocab)
    total = np.bincount(tokens, weights=acts, minlength=d_vocab)
    pick = np.argsort(-mass, kind="stable")[:N_FIRES_ON]
    there = fires[pick] > 0
    return {
        "fires_on_token": np.where(there, pick, 0),
        "fires_on_count": np.where(there, count[pick], 0),
        "fires_on_p": fires[pick] / np.maximum(count[pick], 1),
        "fires_on_mean": total[pick] / np.maximum(count[pick], 1),
        "fires_on_share": fires[pick] / max(fires.sum(), 1),
        "fires_on_mass": mass[pick] / (mass.sum() or 1),
        "fires_on_missed": 0.0,
    }


def _made_up(d_vocab: int, latent: int, n: int, random: np.random.Generator) -> dict[str, Any]:
    values = np.sort(np.abs(random.normal(0, 0.4, (2, 10))))[:, ::-1]
    return {
        "promoted_token": random.choice(d_vocab, 10, replace=False),
        "suppressed_token": random.choice(d_vocab, 10, replace=False),
        "promoted_value": values[0],
        "suppressed_value": -values[1],
        "effect_hist": np.bincount(
            np.arange(d_vocab) % 31 + np.arange(d_vocab) % 20, minlength=N_EFFECT_BINS
        ),
        "neighbour_index": (latent + 1 + np.arange(N_NEIGHBOURS)) % n,
        "neighbour_cosine": np.sort(random.uniform(0.05, 0.9, N_NEIGHBOURS))[::-1],
    }


def _cofiring(latent: int, n: int, two_signed: bool, random: np.random.Generator) -> dict[str, Any]:
    """Every third latent has no partner."""
    slots = 0 if two_signed else N_COFIRING
    there = np.arange(slots) < (latent % 3) * 5
    return {
        "cofiring_index": np.where(there, (latent + 3 + np.arange(slots)) % n, 0),
        "cofiring_count": np.where(there, random.integers(5, 500, slots), 0),
        "cofiring_cosine": np.where(there, np.sort(random.uniform(0.05, 0.9, slots))[::-1], 0),
    }


def _preview(examples: list[dict[str, Any]], highest: float, two_signed: bool) -> np.ndarray[Any, Any]:
    bands = N_TOP * (2 if two_signed else 1)
    found = np.zeros((3, 2, SNIPPET), np.uint16)
    found[:, 1] = NO_TOKEN
    for snippet, row in enumerate((0, bands + PER_BAND, bands + N_BANDS * PER_BAND)):
        each = examples[row]
        length = min(SNIPPET, each["example_length"])
        first = min(max(0, each["example_peak"] - 8), each["example_length"] - length)
        acts = np.maximum(each["acts"][first : first + length] * each["example_scale"], 0)
        found[snippet, 0, :length] = each["tokens"][first : first + length]
        found[snippet, 1, :length] = np.clip(np.ceil(255 * acts / (highest or 1)), 0, 255)
    return found


def _repeated(arrays: Arrays, n: int, random: np.random.Generator) -> Arrays:
    """`n` latents from fewer: lists as varied as real ones, cards and examples only for the first."""
    at = random.integers(0, len(arrays["preview"]), n)
    grown: Arrays = {}
    for name, values in arrays.items():
        if name == "preview" or name in ("stats/top_token", "stats/firings", "stats/density"):
            grown[name] = values[at]
        elif name.startswith("stats/"):
            grown[name] = values[at] * random.uniform(0.5, 1, n).astype(np.float32)
        else:
            grown[name] = np.zeros((n, *values.shape[1:]), values.dtype)
            grown[name][: len(values)] = values
    return grown


def _heads(layer: int) -> dict[str, Any]:
    store = f"dictionaries/attn.{layer}.zarr"
    return {"id": f"attn.{layer}", "layer": layer, "n_heads": N_HEADS, "rotary": layer == 1, "store": store}


def _manifest(title: str, text: Text, units: list[tuple[Units, int]], n_bytes: int) -> dict[str, Any]:
    n_layers = 1 + max(int(each.hook.rpartition(".")[2]) for each, _ in units)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "run": RUN,
        "title": title,
        "created": "2026-01-02T03:04:05+00:00",
        "model": {
            "name": "synthetic",
            "architecture": "none",
            "n_layers": n_layers,
            "n_heads": 4,
            "d_model": 64,
            "d_mlp": 96,
            "d_vocab": len(text.vocabulary),
            "n_ctx": 128,
            "n_parameters": 1_234_567,
            "weights": "0" * 64,
        },
        "tokenizer": "tokenizer/tokenizer.json",
        "windowing": {
            "ctx": 64,
            "stride": 64,
            "bos_token_id": None,
            "skipped": [],
            "n_windows": len(text.ids),
            "counted_tokens": len(text.tokens),
        },
        "corpus": {
            "sources": ["synthetic"],
            "n_documents": len(text.ids),
            "n_tokens": len(text.tokens),
            "too_short": 0,
            "max_tokens": None,
        },
        "dictionaries": [
            {
                "id": each.id,
                "kind": "neurons" if each.two_signed else "sae",
                "architecture": "identity" if each.two_signed else "topk",
                "hook_in": each.hook,
                "hook_out": each.hook,
                "n_latents": each.n_latents,
                "alive": alive,
                "two_signed": each.two_signed,
                "k": None if each.two_signed else 16,
                "weights": "0" * 64,
                "source": "made up",
                "store": f"dictionaries/{each.id}.zarr",
                "quality": None if each.two_signed else QUALITY,
            }
            for each, alive in units
        ],
        "provenance": {"feature-atlas": "synthetic", "seed": "7"},
        "n_bytes": n_bytes,
    }


if __name__ == "__main__":
    for make in (normal, hostile, large, broken):
        make(Path(sys.argv[1]) / make.__name__)
