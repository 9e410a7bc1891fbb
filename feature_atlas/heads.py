"""Attention heads: `open_atlas(url)["attn.2"][1]`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from feature_atlas.address import Address
from feature_atlas.contract import ATTENTION_BINS, ATTENTION_STEPS, METRICS, N_EFFECTS
from feature_atlas.errors import AddressError
from feature_atlas.manifest import HeadsRecord
from feature_atlas.notebook import head_card
from feature_atlas.store import Group

if TYPE_CHECKING:
    from feature_atlas.atlas import Atlas

Array = np.ndarray[Any, Any]


class Heads:
    """The open heads of one layer: a sequence of heads, and whole columns of scores."""

    def __init__(self, atlas: Atlas, record: HeadsRecord) -> None:
        self.atlas = atlas
        self.record = record
        self.group = Group(f"{atlas.run_url}/{record.store}")
        attributes = self.group.attributes
        self.sections: dict[str, tuple[int, int]] = {k: tuple(v) for k, v in attributes["sections"].items()}
        self.n_examples: int = attributes["sizes"]["example"]
        self._fields: dict[str, dict[str, tuple[int, int]]] = attributes["fields"]
        self._scores: dict[str, Array] = {}

    def __len__(self) -> int:
        return self.record.n_heads

    def __getitem__(self, index: int) -> Head:
        """One head; AddressError if there is none of that index."""
        if not 0 <= index < len(self):
            raise AddressError(f"{self.record.id}/{index}: {self.record.id} has heads 0..{len(self) - 1}")
        floats = self.group.read("head/floats", index)
        ints = self.group.read("head/ints", index).astype(np.int64)
        return Head(
            heads=self,
            index=index,
            floats={name: floats[start:stop] for name, (start, stop) in self._fields["floats"].items()},
            ints={name: ints[start:stop] for name, (start, stop) in self._fields["ints"].items()},
        )

    def score(self, name: str) -> Array:
        """One score of every head, [head], read once; the names are the contract's METRICS."""
        if name not in self._scores:
            self._scores[name] = self.group.read(f"scores/{name}")
            self._scores[name].setflags(write=False)
        return self._scores[name]


@dataclass(frozen=True)
class HeadExample:
    """A whole window, the first position included, and where a head looks in it.

    `document` and `position` are those of its first counted token. `query` and `key` are the peak,
    counted from the window's start, `pattern` is the attention there and `write` the window's largest
    write norm. `attention` [query, key] has of each query its largest values, in 255ths, and 0 elsewhere;
    times `norms` [key] it is the write norm of each pair.
    """

    document: int
    document_id: str
    position: int
    query: int
    key: int
    pattern: float
    write: float
    attention_sum: float
    token_ids: list[int]
    tokens: list[str]
    attention: Array
    norms: Array

    def to_json(self) -> dict[str, Any]:
        """As `atlas show --json` prints it: attention as [query, key, value] triples."""
        queries, keys = np.nonzero(self.attention)
        values = self.attention[queries, keys].tolist()
        triples = zip(queries.tolist(), keys.tolist(), (round(v, 4) for v in values), strict=True)
        kept = {name: value for name, value in vars(self).items() if name not in ("attention", "norms")}
        return {**kept, "attention": [list(t) for t in triples], "norms": self.norms.tolist()}


@dataclass(frozen=True)
class Head:
    """One head's card. `floats` and `ints` hold the contract's fields by name, unit as stated there."""

    heads: Heads
    index: int
    floats: dict[str, Array]
    ints: dict[str, Array]

    @property
    def address(self) -> str:
        """`attn.<layer>/<index>`."""
        return str(Address(self.heads.record.id, self.index))

    def number(self, name: str) -> float:
        """A field of one column, such as `induction_score`."""
        return float((self.floats[name] if name in self.floats else self.ints[name])[0])

    @cached_property
    def scores(self) -> dict[str, float]:
        """Every score, by the contract's METRICS."""
        return {field.name: self.number(field.name) for field in METRICS}

    def examples(self, section: str) -> list[HeadExample]:
        """The windows of `write`, `attention` or `random`, first the strongest."""
        rows = range(*self.heads.sections[section])
        return [self._example(row) for row in rows if self.ints["example_length"][row]]

    def _repr_html_(self) -> str:
        """What a notebook shows of it."""
        return head_card(self)

    def to_json(self) -> dict[str, Any]:
        """Everything about the head, as `atlas show --json` prints it."""
        record, atlas = self.heads.record, self.heads.atlas
        return {
            "address": self.address,
            "group": record.id,
            "layer": record.layer,
            "index": self.index,
            "counted_tokens": atlas.manifest.windowing.counted_tokens,
            "scores": self.scores,
            "duplicate_queries": int(self.number("duplicate_queries")),
            "induction_queries": int(self.number("induction_queries")),
            "offset_attention": self.floats["offset_attention"].tolist(),
            "max_histogram": {
                "edges": [i / ATTENTION_BINS for i in range(ATTENTION_BINS + 1)],
                "counts": self.ints["max_hist"].tolist(),
            },
            "query_tokens": self._types("query"),
            "query_missed": self.number("query_missed"),
            "key_tokens": self._types("key"),
            "key_missed": self.number("key_missed"),
            "ov": self._table("key", {"promoted": "ov_promoted", "suppressed": "ov_suppressed"}),
            "qk": self._table("query", {"keys": "qk"}),
            "qk_leaves_out_positions": "rotary" if record.rotary else "learned",
            **{
                f"{section}_examples": [example.to_json() for example in self.examples(section)]
                for section in self.heads.sections
            },
        }

    def _example(self, row: int) -> HeadExample:
        atlas, length = self.heads.atlas, int(self.ints["example_length"][row])
        place = self.index * self.heads.n_examples + row
        token_ids = [int(t) for t in self.heads.group.read("windows/tokens", place)[:length]]
        keys, steps = self.heads.group.read("windows/attention", place)[:, :length].astype(np.int64)
        attention = np.zeros((length, length), np.float32)
        queries, ranks = np.nonzero(steps)
        attention[queries, keys[queries, ranks]] = steps[queries, ranks] / ATTENTION_STEPS
        document = int(self.ints["example_document"][row])
        return HeadExample(
            document=document,
            document_id=atlas.documents[document].id,
            position=int(self.ints["example_position"][row]),
            query=int(self.ints["example_query"][row]),
            key=int(self.ints["example_key"][row]),
            pattern=float(self.floats["example_pattern"][row]),
            write=float(self.floats["example_write"][row]),
            attention_sum=float(self.floats["example_attention"][row]),
            token_ids=token_ids,
            tokens=[atlas.vocabulary[t] for t in token_ids],
            attention=attention,
            norms=self.heads.group.read("windows/norms", place)[:length],
        )

    def _types(self, side: str) -> list[dict[str, Any]]:
        vocabulary = self.heads.atlas.vocabulary
        tokens, counts = self.ints[f"{side}_token"].tolist(), self.ints[f"{side}_count"].tolist()
        means, shares = self.floats[f"{side}_attention"].tolist(), self.floats[f"{side}_share"].tolist()
        return [
            {"token": vocabulary[t], "token_id": t, "mean_attention": mean, "share": share, "count": count}
            for t, count, mean, share in zip(tokens, counts, means, shares, strict=True)
            if count
        ]

    def _table(self, side: str, columns: dict[str, str]) -> list[dict[str, Any]]:
        """For each of the head's types of one side, by column, the types of another and their values."""
        vocabulary = self.heads.atlas.vocabulary
        rows: list[dict[str, Any]] = []
        for slot, each in enumerate(self._types(side)):
            part = slice(slot * N_EFFECTS, (slot + 1) * N_EFFECTS)
            row: dict[str, Any] = {"token": each["token"], "token_id": each["token_id"]}
            for column, field in columns.items():
                tokens, values = self.ints[f"{field}_token"][part], self.floats[f"{field}_value"][part]
                pairs = zip(tokens.tolist(), values.tolist(), strict=True)
                row[column] = [{"token": vocabulary[t], "token_id": t, "value": v} for t, v in pairs]
            rows.append(row)
        return rows
