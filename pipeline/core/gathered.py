"""What a scan gathers of some windows: the accumulators of every dictionary and every layer's heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.core.dictionary_scan import DictionaryScan
from pipeline.core.head_scan import HeadScan

Scan = DictionaryScan | HeadScan
Arrays = Mapping[str, np.ndarray]
PARTNER = "/partner"  # how the names of the arrays end that every unit starts from


class Gathered:
    """All scans that run at once. As arrays, each is named `<scan>/<array>`."""

    def __init__(self, kept: Sequence[Scan]) -> None:
        self.kept = list(kept)

    @property
    def scans(self) -> list[DictionaryScan]:
        """Those of dictionaries."""
        return [each for each in self.kept if isinstance(each, DictionaryScan)]

    @property
    def heads(self) -> list[HeadScan]:
        """Those of heads."""
        return [each for each in self.kept if isinstance(each, HeadScan)]

    def fresh(self) -> Gathered:
        """The same scans, empty."""
        return Gathered([each.fresh() for each in self.kept])

    def state(self) -> dict[str, np.ndarray]:
        """The arrays to save and restore: not copies."""
        return {f"{each.id}/{name}": array for each in self.kept for name, array in each.state().items()}

    def lay(self, arrays: Arrays) -> Gathered:
        """Takes over the arrays that are given."""
        for each in self.kept:
            lay(each, arrays)
        return self

    def partners(self) -> dict[str, np.ndarray]:
        """Those of its arrays that every unit starts from: the partners that the sample chose."""
        return partners(self.state())

    def merge(self, arrays: Arrays, earlier: bool) -> None:
        """Takes in what was gathered of other windows; `earlier` ones take in what is here.

        Dictionary by dictionary: `arrays` may be read from disk as they are asked for.
        """
        for number, here in enumerate(self.kept):
            other = lay(here.fresh(), arrays)
            first, later = (other, here) if earlier else (here, other)
            first.merge(later)  # type: ignore[arg-type]
            self.kept[number] = first


def lay(scan: Scan, arrays: Arrays) -> Scan:
    """Copies into a scan those of its arrays that are given."""
    for name, array in scan.state().items():
        if f"{scan.id}/{name}" in arrays:
            array[...] = arrays[f"{scan.id}/{name}"]
    return scan


def partners(arrays: Arrays) -> dict[str, np.ndarray]:
    """Those that every unit starts from."""
    return {name: arrays[name] for name in arrays if name.endswith(PARTNER)}
