"""The token index and the search index of a synthetic atlas, from the groups that are there."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from feature_atlas.contract import N_UNITS, SIDES, TOKENS
from feature_atlas.search_index import SEARCH_INDEX, write_search
from feature_atlas.store import Group, create_group

Rows = dict[tuple[int, int], list[tuple[float, int, float]]]  # by type and side: first measure, unit, second


def write_indexes(run: Path, ids: list[str]) -> dict[str, str]:
    """Writes both; returns what the manifest says of them."""
    stores = [(name, f"dictionaries/{name}.zarr") for name in ids]
    rows: Rows = defaultdict(list)
    first = [0]
    for _, store in stores:
        first.append(first[-1] + _add(rows, Group(str(run / store)), first[-1]))
    count = np.bincount(Group(str(run / "corpus.zarr")).read("tokens"))
    n_types = Group(str(run / "vocabulary.zarr")).array("text").shape[0]
    units = np.zeros((n_types, len(SIDES), N_UNITS), np.uint32)
    values = np.zeros((n_types, len(SIDES), N_UNITS, 2), np.float32)
    for (type_, side), told in rows.items():
        for rank, (value, unit, second) in enumerate(
            sorted(told, key=lambda r: (-abs(r[0]), r[1]))[:N_UNITS]
        ):
            units[type_, side, rank], values[type_, side, rank] = unit, (value, second)
    arrays = {"count": np.pad(count, (0, n_types - len(count))), "units": units, "values": values}
    create_group(run / "tokens.zarr", TOKENS, arrays, {"dictionaries": ids, "first_units": first[:-1]})
    write_search(run / SEARCH_INDEX, run, stores)
    return {"token_index": "tokens.zarr", "search_index": SEARCH_INDEX}


def _add(rows: Rows, group: Group, first: int) -> int:
    floats, ints, fields = group.read("card/floats"), group.read("card/ints"), group.attributes["fields"]

    def field(kind: str, name: str) -> list[list[float]]:
        return (floats if kind == "floats" else ints)[:, slice(*fields[kind][name])].tolist()

    firings, highest = group.read("stats/firings").tolist(), group.read("stats/max").tolist()
    for unit, cells in enumerate(
        zip(
            *(field("ints", f"fires_on_{name}") for name in ("token", "count")),
            field("floats", "fires_on_p"),
            strict=True,
        )
    ):
        for type_, count, p in zip(*cells, strict=True):
            if count:
                rows[int(type_), 0].append((p * (count / firings[unit]) ** 0.5, first + unit, p))
    for side, name in ((1, "promoted"), (2, "suppressed")):
        told = zip(field("ints", f"{name}_token"), field("floats", f"{name}_value"), strict=True)
        for unit, (types, effects) in enumerate(told):
            for type_, effect in zip(types, effects, strict=True):
                if firings[unit]:
                    rows[int(type_), side].append((effect * highest[unit], first + unit, effect))
    return len(firings)
