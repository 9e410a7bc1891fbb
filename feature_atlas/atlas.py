"""Reading an atlas: `open_atlas(url)[dictionary][index]`."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from feature_atlas.address import Address
from feature_atlas.contract import N_MOVED, SOURCES, histogram_edges
from feature_atlas.errors import AddressError, FormatError
from feature_atlas.heads import Head, Heads
from feature_atlas.labels import Label, read_row
from feature_atlas.manifest import MANIFEST, DictionaryRecord, Manifest, parse_manifest
from feature_atlas.notebook import latent_card
from feature_atlas.related import Side, related
from feature_atlas.search import (
    MOST_TOKENS,
    Found,
    Phrase,
    SearchIndex,
    fires_on_all,
    greedy_types,
    matching_types,
)
from feature_atlas.store import Group, read_bytes
from feature_atlas.token import Token, TokenIndex, find_type

Array = np.ndarray[Any, Any]
_CARD = ("card/floats", "card/ints", "examples/tokens", "examples/acts")


def open_atlas(url: str) -> Atlas:
    """Opens an atlas on disk or at any URL fsspec knows; reads only its manifest.

    Raises FormatError if there is none, or one of an unknown format version.
    """
    place = str(url).rstrip("/")
    where = f"{place}/{MANIFEST}"
    return Atlas(place, parse_manifest(read_bytes(where), where))


@dataclass(frozen=True)
class Document:
    """One document of the corpus: what its source calls it, and how many tokens it has (no BOS)."""

    id: str
    source: str
    n_tokens: int


class Atlas:
    """An open atlas: its manifest, vocabulary, documents, dictionaries and heads."""

    def __init__(self, url: str, manifest: Manifest) -> None:
        self.url = url
        self.manifest = manifest
        self.run_url = f"{url}/{manifest.run_path}"
        self._dictionaries: dict[str, Dictionary] = {}
        self._heads: dict[str, Heads] = {}

    def __getitem__(self, name: str) -> Dictionary | Heads:
        """The dictionary of that id, or the heads of a layer; AddressError if neither is of that name."""
        if any(record.id == name for record in self.manifest.heads):
            return self.heads(name)
        return self.dictionary(name)

    def dictionary(self, name: str) -> Dictionary:
        """The dictionary of that id; AddressError, with all that there is, if none has it."""
        if name not in self._dictionaries:
            records = {record.id: record for record in self.manifest.dictionaries}
            self._check(name, "dictionary", records)
            self._dictionaries[name] = Dictionary(self, records[name])
        return self._dictionaries[name]

    def heads(self, name: str) -> Heads:
        """The heads of a layer, by a name such as `attn.2`; AddressError if there are none."""
        if name not in self._heads:
            records = {record.id: record for record in self.manifest.heads}
            self._check(name, "heads", records)
            self._heads[name] = Heads(self, records[name])
        return self._heads[name]

    def at(self, address: str) -> Latent | Head:
        """The latent or the head at an address such as `mlp_post.2/17` or `attn.2/1`."""
        parsed = Address.parse(address)
        return self[parsed.dictionary][parsed.index]

    def token(self, which: str | int) -> Token:
        """The units that fire on a token type, promote it and suppress it; `which` is its text or number.

        Raises AddressError if there is no such type, with those spelled much like it, and FormatError
        if the atlas has no token index.
        """
        vocabulary = self.vocabulary
        type_ = find_type(which, vocabulary, self.url) if isinstance(which, str) else which
        if not 0 <= type_ < len(vocabulary):
            raise AddressError(f"token type {type_} is not in 0..{len(vocabulary) - 1}")
        return self._token_index.read(type_, vocabulary[type_])

    def search(self, text: str) -> Found:
        """Token types, and latents by label and by the text they peak on, that fit a word or a phrase.

        Raises FormatError if the atlas has no search index.
        """
        vocabulary = self.vocabulary
        labels, texts = (self._search_index.hits(text, source, vocabulary) for source in SOURCES)
        return Found(text, matching_types(text, vocabulary), self._phrase(text), labels, texts)

    def _phrase(self, text: str) -> Phrase | None:
        """The text as two or more token types, and the units that fire on all of them."""
        types = greedy_types(text, self.vocabulary) if self.manifest.token_index else None
        if types is None or not 2 <= len(types) <= MOST_TOKENS:
            return None
        tokens = [self.token(type_) for type_ in types]
        return Phrase([token.text for token in tokens], fires_on_all([token.fires for token in tokens]))

    @cached_property
    def vocabulary(self) -> list[str]:
        """Every token type as text; bytes that are no UTF-8 as hex, `⟨e2 80⟩`."""
        group = Group(f"{self.run_url}/vocabulary.zarr")
        pairs = zip(group.read("text"), group.read("kind"), strict=True)
        return [f"⟨{text}⟩" if kind == 1 else str(text) for text, kind in pairs]

    @cached_property
    def documents(self) -> list[Document]:
        """The documents in corpus order: `document` of an example is an index into this list."""
        starts = self._corpus.read("document_start").astype(np.int64)
        names = zip(self._corpus.read("document_id"), self._corpus.read("document_source"), strict=True)
        lengths = np.diff(starts).tolist()
        return [Document(str(i), str(s), n) for (i, s), n in zip(names, lengths, strict=True)]

    def document_tokens(self, document: int) -> Array:
        """Token types of one document, without BOS, [token]."""
        if not 0 <= document < len(self.documents):
            raise AddressError(f"document {document} is not in 0..{len(self.documents) - 1}")
        starts = self._corpus.read("document_start").astype(np.int64)
        return self._corpus.read("tokens", slice(starts[document], starts[document + 1]))

    def to_json(self) -> dict[str, Any]:
        """The manifest, and the documents in their order: what a stranger needs to compute it again."""
        documents = [{"id": d.id, "source": d.source, "n_tokens": d.n_tokens} for d in self.documents]
        return {**json.loads(self.manifest.model_dump_json()), "documents": documents}

    def _check(self, name: str, kind: str, records: Mapping[str, object]) -> None:
        if name not in records:
            known = ", ".join(record.id for record in (*self.manifest.dictionaries, *self.manifest.heads))
            raise AddressError(f"no {kind} {name!r} in {self.url}; it has: {known}")

    @cached_property
    def _token_index(self) -> TokenIndex:
        if self.manifest.token_index is None:
            raise FormatError(f"{self.url} was made without a token index; build it again: atlas build")
        return TokenIndex(f"{self.run_url}/{self.manifest.token_index}")

    @cached_property
    def _search_index(self) -> SearchIndex:
        if self.manifest.search_index is None:
            raise FormatError(f"{self.url} was made without a search index; build it again: atlas build")
        return SearchIndex(f"{self.run_url}/{self.manifest.search_index}")

    @cached_property
    def _corpus(self) -> Group:
        return Group(f"{self.run_url}/corpus.zarr")


class Dictionary:
    """An open dictionary: a sequence of latents, and whole columns of statistics."""

    def __init__(self, atlas: Atlas, record: DictionaryRecord) -> None:
        self.atlas = atlas
        self.record = record
        self.group = Group(f"{atlas.run_url}/{record.store}")
        attributes = self.group.attributes
        self.sections: dict[str, tuple[int, int]] = {k: tuple(v) for k, v in attributes["sections"].items()}
        self._labels: dict[str, Any] = attributes.get("labels", {})
        self.label_source: str | None = self._labels.get("source")
        self.writes: bool = attributes.get("writes", True)
        self._stats: dict[str, Array] = {}
        self.mates: list[str] = attributes.get("mates", [])
        self.heads: str | None = attributes.get("heads")
        self.upstream, self.downstream = (Side.of(attributes, name) for name in ("upstream", "downstream"))
        self._fields: dict[str, dict[str, tuple[int, int]]] = attributes["fields"]

    def __len__(self) -> int:
        return self.record.n_latents

    def __getitem__(self, index: int) -> Latent:
        """One latent; AddressError if there is none of that index."""
        if not 0 <= index < len(self):
            raise AddressError(f"{self.record.id}/{index}: {self.record.id} has latents 0..{len(self) - 1}")
        return self._latent(index, [self.group.read(path, index) for path in _CARD], self._said(index))

    def shards(self) -> Iterator[list[Latent]]:
        """Every latent in order, those of one shard at a time: the way to read them all."""
        length = (self.group.array(_CARD[0]).shards or (len(self),))[0]
        said = self.all_labels
        for number, first in enumerate(range(0, len(self), length)):
            columns = [self.group.shard(path, number) for path in _CARD]
            yield [
                self._latent(index, row, said[index])
                for index, row in enumerate(zip(*columns, strict=True), start=first)
            ]

    @cached_property
    def labels(self) -> list[str]:
        """Text of each latent's best label; empty where nothing is said."""
        if self.label_source is None:
            return [""] * len(self)
        return [str(text) for text in self.group.read("label")]

    @cached_property
    def all_labels(self) -> list[list[Label]]:
        """All labels of each latent, best first."""
        if "most" in self._labels:
            return [read_row(row) for row in self.group.read("labels")]
        return [self._only(text) for text in self.labels]

    def _said(self, index: int) -> list[Label]:
        if "most" in self._labels:
            return read_row(self.group.read("labels", index))
        return self._only(str(self.group.read("label", index)) if self._labels else "")

    def _only(self, text: str) -> list[Label]:
        """The one label of an atlas made before a latent could have several."""
        return [Label(text, self.label_source or "")] if text else []

    def _latent(self, index: int, card: Sequence[Array], labels: list[Label]) -> Latent:
        """From its rows of the arrays of _CARD."""
        floats, ints, tokens, acts = card
        wide = ints.astype(np.int64)
        return Latent(
            dictionary=self,
            index=index,
            floats={name: floats[start:stop] for name, (start, stop) in self._fields["floats"].items()},
            ints={name: wide[start:stop] for name, (start, stop) in self._fields["ints"].items()},
            tokens=tokens,
            acts=acts,
            labels=labels,
        )

    def stat(self, name: str) -> Array:
        """One statistic of every latent, [latent], read once; the names are the contract's `stats/…`."""
        if name not in self._stats:
            self._stats[name] = self.group.read(f"stats/{name}")
            self._stats[name].setflags(write=False)
        return self._stats[name]

    @cached_property
    def layout(self) -> Layout:
        """Where its latents lie on its map; FormatError if it has none."""
        if not self.group.attributes.get("map"):
            raise FormatError(f"{self.record.id} has no map: it is small, or was built with map: false")
        return Layout(self.group.read("map/xy"), self.group.read("map/region"))


@dataclass(frozen=True)
class Layout:
    """A map of latents: where each lies, 0..65535 to the right and upwards, and the region it belongs to."""

    xy: Array
    region: Array


@dataclass(frozen=True)
class Example:
    """An excerpt: where it is, its tokens, and the activations that the whole window gave."""

    document: int
    document_id: str
    position: int
    activation: float
    peak: int
    token_ids: list[int]
    tokens: list[str]
    activations: list[float]


@dataclass(frozen=True)
class Latent:
    """One latent's card. `floats` and `ints` hold the contract's fields by name, unit as stated there."""

    dictionary: Dictionary
    index: int
    floats: dict[str, Array]
    ints: dict[str, Array]
    tokens: Array
    acts: Array
    labels: list[Label]

    @property
    def label(self) -> str:
        """Text of the best label; empty if there is none."""
        return self.labels[0].text if self.labels else ""

    @property
    def address(self) -> str:
        """`<dictionary>/<index>`."""
        return str(Address(self.dictionary.record.id, self.index))

    def number(self, name: str) -> float:
        """A field of one column, such as `density` or `max`."""
        return float((self.floats[name] if name in self.floats else self.ints[name])[0])

    def examples(self, section: str) -> list[Example]:
        """The examples of `top`, `bottom`, `bands` (25 rows, strongest band first) or `random`."""
        return [self._example(row) for row in range(*self.dictionary.sections[section]) if self._length(row)]

    def bands(self) -> list[dict[str, Any]]:
        """Each band: its range, how many firings it holds, and its uniformly drawn examples."""
        pairs = zip(self.band_ranges(), self.band_examples(), strict=True)
        return [{**band, "examples": [vars(example) for example in each]} for band, each in pairs]

    def band_ranges(self) -> list[dict[str, Any]]:
        """Each band's range and how many firings it holds, strongest first."""
        names = ("band_low", "band_high", "band_firings")
        columns = zip(self.floats[names[0]], self.floats[names[1]], self.ints[names[2]], strict=True)
        return [{"low": float(low), "high": float(high), "firings": int(n)} for low, high, n in columns]

    def band_examples(self) -> list[list[Example]]:
        """The examples of each band, strongest band first."""
        start, stop = self.dictionary.sections["bands"]
        each = (stop - start) // len(self.floats["band_low"])
        rows = [range(first, first + each) for first in range(start, stop, each)]
        return [[self._example(row) for row in band if self._length(row)] for band in rows]

    def ablations(self) -> list[dict[str, Any]]:
        """What ablating the latent does in its first top examples, in their order, if that was computed.

        Rises of the loss are None where there is no later token.
        """
        n = min(len(self.floats.get("ablation_loss", ())), len(self.examples("top")))
        return [
            {
                **{name: self._number_or_none(f"ablation_{name}", row) for name in ("loss", "later", "kl")},
                **{side: self._moved(side, row) for side in ("raised", "lowered")},
            }
            for row in range(n)
        ]

    def to_json(self) -> dict[str, Any]:
        """Everything about the latent, as `atlas show --json` prints it."""
        shown = self.summary()
        shown["top_examples"] = [vars(example) for example in self.examples("top")]
        shown["ablations"] = self.ablations()
        shown["bands"] = self.bands()
        shown["random_examples"] = [vars(example) for example in self.examples("random")]
        if self.dictionary.record.two_signed:
            shown["bottom_examples"] = [vars(example) for example in self.examples("bottom")]
        return shown

    def _repr_html_(self) -> str:
        """What a notebook shows of it."""
        return latent_card(self)

    def summary(self) -> dict[str, Any]:
        """Everything but its examples."""
        record = self.dictionary.record
        return {
            "address": self.address,
            "dictionary": record.id,
            "index": self.index,
            "hook_point": record.hook_in,
            "label": {"text": self.label, "source": self.labels[0].source} if self.labels else None,
            "labels": [vars(label) for label in self.labels],
            "density": self.number("density"),
            "firings": int(self.number("firings")),
            "counted_tokens": self.dictionary.atlas.manifest.windowing.counted_tokens,
            "max_activation": self.number("max"),
            "min_activation": self.number("min"),
            "mean_activation": self.number("mean"),
            "mean_when_firing": self.number("mean_firing"),
            "moments": {name: self.number(name) for name in ("mean", "variance", "skew", "kurtosis")},
            "concentration": self.number("concentration"),
            "histogram": {
                "edges": histogram_edges(),
                "counts": self.ints["hist"].tolist(),
                "underflow": int(self.number("hist_underflow")),
                "overflow": int(self.number("hist_overflow")),
            },
            "fires_on": self._fires_on(),
            "fires_on_missed": self.number("fires_on_missed"),
            "promoted": self._effects("promoted"),
            "suppressed": self._effects("suppressed"),
            "effect_histogram": self._effect_histogram(),
            "neighbours": self._neighbours(),
            "cofiring": self._cofiring(),
            "heads": self._heads(),
            **related(self),
        }

    def _length(self, row: int) -> int:
        return int(self.ints["example_length"][row])

    def _example(self, row: int) -> Example:
        atlas, length = self.dictionary.atlas, self._length(row)
        document = int(self.ints["example_document"][row])
        token_ids: list[int] = self.tokens[row, :length].tolist()
        scale = float(self.floats["example_scale"][row])
        return Example(
            document=document,
            document_id=atlas.documents[document].id,
            position=int(self.ints["example_position"][row]),
            activation=float(self.floats["example_activation"][row]),
            peak=int(self.ints["example_peak"][row]),
            token_ids=token_ids,
            tokens=[atlas.vocabulary[t] for t in token_ids],
            activations=(self.acts[row, :length].astype(np.float64) * scale).tolist(),
        )

    def _number_or_none(self, field: str, row: int) -> float | None:
        value = float(self.floats[field][row])
        return None if math.isnan(value) else value

    def _moved(self, side: str, row: int) -> list[dict[str, Any]]:
        """Token types that an ablation makes likelier (`raised`) or less likely (`lowered`) at the peak."""
        there = slice(row * N_MOVED, (row + 1) * N_MOVED)
        types, values = self.ints[f"ablation_{side}_token"], self.floats[f"ablation_{side}_value"]
        return self._told(types[there], values[there])

    def _fires_on(self) -> list[dict[str, Any]]:
        vocabulary = self.dictionary.atlas.vocabulary
        columns_ = ("fires_on_p", "fires_on_mean", "fires_on_share", "fires_on_mass")
        names = ("p_fire_given_token", "mean_activation", "share_of_firings", "share_of_mass")
        rows: list[dict[str, Any]] = []
        for slot, count in enumerate(self.ints["fires_on_count"]):
            if count:
                token = int(self.ints["fires_on_token"][slot])
                values = {n: float(self.floats[c][slot]) for n, c in zip(names, columns_, strict=True)}
                rows.append({"token": vocabulary[token], "token_id": token, **values, "count": int(count)})
        return rows

    def _effects(self, side: str) -> list[dict[str, Any]]:
        if not self.dictionary.writes:
            return []
        return self._told(self.ints[f"{side}_token"], self.floats[f"{side}_value"])

    def _told(self, types: Array, values: Array) -> list[dict[str, Any]]:
        vocabulary = self.dictionary.atlas.vocabulary
        pairs = zip(types.tolist(), values.tolist(), strict=True)
        return [{"token": vocabulary[t], "token_id": t, "value": v} for t, v in pairs]

    def _effect_histogram(self) -> dict[str, Any] | None:
        """Token types by logit effect, in equal bins; None if it writes nothing, or in older atlases."""
        counts: list[int] = self.ints["effect_hist"].tolist() if "effect_hist" in self.ints else []
        if not any(counts):
            return None
        low, high = self.floats["suppressed_value"][0], self.floats["promoted_value"][0]
        return {"low": float(low), "high": float(high), "counts": counts}

    def _neighbours(self) -> list[dict[str, Any]]:
        pairs = zip(
            self.ints["neighbour_index"].tolist(), self.floats["neighbour_cosine"].tolist(), strict=True
        )
        name = self.dictionary.record.id
        return [{"address": f"{name}/{i}", "cosine": c} for i, c in pairs if i != self.index]

    def _heads(self) -> list[dict[str, Any]]:
        """Of a latent of an attention output what each head writes into it, the largest part first."""
        parts = self.floats.get("head_part", np.zeros(0)).tolist()
        largest = sorted(range(len(parts)), key=lambda head: -parts[head])
        return [{"address": f"{self.dictionary.heads}/{head}", "part": parts[head]} for head in largest]

    def _cofiring(self) -> list[dict[str, Any]]:
        """Latents that fire where this one does: of its dictionary, then of the layer's others."""
        own = self._together("cofiring", itertools.repeat(self.dictionary.record.id))
        mates = self.dictionary.mates
        names: list[str] = [mates[i] for i in self.ints["across_dictionary"]] if mates else []
        return [*own, *self._together("across", names)]

    def _together(self, kind: str, dictionaries: Iterable[str]) -> list[dict[str, Any]]:
        if f"{kind}_index" not in self.ints:
            return []  # an atlas made before co-firing was counted
        index, count = self.ints[f"{kind}_index"], self.ints[f"{kind}_count"]
        rows = zip(dictionaries, index, count, self.floats[f"{kind}_cosine"], strict=False)
        return [
            {"address": f"{name}/{i}", "cosine": float(cosine), "count": int(n)}
            for name, i, n, cosine in rows
            if n
        ]
