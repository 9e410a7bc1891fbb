"""Everything the scan keeps of one dictionary."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Integer
from torch import Tensor

from pipeline.core.accumulate.block import Block
from pipeline.core.accumulate.cofiring import CoFiring
from pipeline.core.accumulate.common_types import CommonTypes
from pipeline.core.accumulate.examples import Extremes, Samples
from pipeline.core.accumulate.fired import Fired
from pipeline.core.accumulate.head_parts import HeadParts
from pipeline.core.accumulate.heavy_types import HeavyTypes
from pipeline.core.accumulate.moments import Moments
from pipeline.core.dictionaries import Dictionary
from pipeline.core.encode import blocks
from pipeline.core.head_source import HeadSource
from pipeline.core.params import ScanParams
from pipeline.core.windows import Batch


class DictionaryScan:
    """The accumulators of one dictionary, and their state as one set of arrays.

    `within` and `across` count co-firing in the dictionary itself and with the others of its layer;
    they are None for neurons, which nearly all fire nearly everywhere, and `across` also where there
    is no other. `heads` tells which heads make the latents of an attention output.
    """

    def __init__(
        self,
        dictionary: Dictionary,
        params: ScanParams,
        counts: Integer[np.ndarray, " type"],
        has_mates: bool,
        source: HeadSource | None = None,
    ) -> None:
        self.made_of = (dictionary, params, counts, has_mates, source)
        n, signs, k = dictionary.n_latents, dictionary.two_signed, params.n_top
        self.dictionary = dictionary
        self.moments = Moments(n)
        self.types = CommonTypes(n, counts, params.fires_on_types) if signs else HeavyTypes(n)
        self.parts: dict[str, Moments | Extremes | Samples | CommonTypes | HeavyTypes] = {
            "moments": self.moments,
            "top": Extremes(n, k, signs),
            **({"bottom": Extremes(n, k, signs, sign=-1)} if signs else {}),
            "samples": Samples(n, signs, dictionary.id, params.seed),
            "types": self.types,
        }
        self.source = source
        self.heads = None if source is None else HeadParts(source.directions)
        self.within = None if signs else CoFiring(n)
        self.across = CoFiring(n) if has_mates else None
        pairs = {"within": self.within, "across": self.across, "heads": self.heads}
        self._kept = {**self.parts, **{name: pair for name, pair in pairs.items() if pair is not None}}

    @property
    def id(self) -> str:
        """The dictionary's name."""
        return self.dictionary.id

    def add(
        self, read: list[Tensor], z: list[np.ndarray], lo: int, batches: tuple[Batch, ...]
    ) -> Fired | None:
        """Encodes the block of latents from `lo` on at the counted positions of some batches, in order.

        `z` is what the heads wrote there, empty where they are not asked for. Returns where the latents
        fire, if co-firing is counted.
        """
        fired: list[Fired] = []
        for number, firings in enumerate(self.blocks(read, lo, batches)):
            for part in self.parts.values():
                part.add(firings)
            if self.heads is not None:
                self.heads.add(firings, z[number])
            if self.within is not None:
                fired.append(firings.fired)
        return Fired.after(fired) if fired else None

    def blocks(self, read: list[Tensor], lo: int, batches: tuple[Batch, ...]) -> Iterable[Block]:
        """Where the block of latents from `lo` on fires, batch by batch."""
        return blocks(self.dictionary, read, lo, batches)

    def fresh(self) -> DictionaryScan:
        """Another of the same dictionary, empty."""
        return DictionaryScan(*self.made_of)

    def merge(self, later: DictionaryScan) -> None:
        """Takes in what another, with the same co-firing partners, gathered of later windows."""
        for name, part in self._kept.items():
            part.merge(later._kept[name])  # type: ignore[arg-type]

    def state(self) -> dict[str, np.ndarray]:
        """Every array kept, by a name that says whose it is."""
        return {
            f"{name}/{array}": value
            for name, part in self._kept.items()
            for array, value in part.state().items()
        }

    def result(self) -> dict[str, np.ndarray]:
        """The arrays that the atlas is made of: the state, the token types as a list."""
        types = (
            self.types.listed()
            if isinstance(self.types, HeavyTypes)
            else self.types.listed(self.moments.firings)
        )
        kept = {name: array for name, array in self.state().items() if not name.startswith("types/")}
        return {**kept, **{f"fires_on/{name}": array for name, array in types.items()}}
