"""The training text: documents by source, and what of them is held out."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.core.corpus import open_source

TEXTS = Path(__file__).parents[1] / "texts"


@dataclass(frozen=True)
class Doc:
    """A document. A piece's title begins with its work's: `Kidnapped / Chapter VIII`."""

    source: str
    title: str
    text: str

    @property
    def work(self) -> str:
        """The title without the piece's."""
        return self.title.split(" / ")[0]


def documents(parquet: Path) -> list[Doc]:
    """The parquet file's rows, the standard library, and the project's own texts."""
    rows = pq.read_table(parquet, columns=["source", "title", "text"]).to_pylist()
    found = [Doc(row["source"], row["title"], row["text"]) for row in rows]
    library = open_source("python-docs").read()
    found += [Doc("python-docs", d.id.removesuffix(" docstrings"), d.text) for d in library]
    found += [
        Doc("project", path.relative_to(TEXTS).as_posix(), path.read_text())
        for path in sorted(TEXTS.rglob("*.md"))
    ]
    return found


def split(docs: list[Doc], share: float, by: str = "title") -> tuple[list[Doc], list[Doc]]:
    """Training and held-out documents.

    The project's own are held out by their folder. Of the others `by` "title" holds out titles
    whose hash is below `share`; "work" holds out whole works, in the order of their hashes, as
    long as they are no more than `share` of their source's characters.
    """
    if by not in ("title", "work"):
        raise ValueError(f"held_out_by is {by!r}, not 'title' or 'work'")
    works = _works_held_out(docs, share) if by == "work" else set()
    train: list[Doc] = []
    held: list[Doc] = []
    for doc in docs:
        if doc.source == "project":
            out = doc.title.startswith("held_out/")
        elif by == "work":
            out = (doc.source, doc.work) in works
        else:
            out = _hash(doc.source, doc.title) < share
        (held if out else train).append(doc)
    return train, held


def _works_held_out(docs: list[Doc], share: float) -> set[tuple[str, str]]:
    sizes: Counter[tuple[str, str]] = Counter()
    for doc in docs:
        sizes[doc.source, doc.work] += len(doc.text)
    room: defaultdict[str, float] = defaultdict(float)
    for (source, _), size in sizes.items():
        room[source] += share * size
    chosen: set[tuple[str, str]] = set()
    for work in sorted(sizes, key=lambda work: _hash(*work)):
        if sizes[work] <= room[work[0]]:
            room[work[0]] -= sizes[work]
            chosen.add(work)
    return chosen


def _hash(source: str, title: str) -> float:
    """A number in [0, 1) that depends on nothing else: a split outlives changes of the data."""
    digest = hashlib.sha256(f"{source}/{title}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
