"""The layers as a ladder: the residual stream down the middle, what reads it on either side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from feature_atlas.address import HookPoint
from feature_atlas.manifest import DictionaryRecord
from viewer_builder.bars import Bar, density_bars
from viewer_builder.site import Site
from viewer_builder.words import dead_of, units_of

_MLP = ("ln2_out", "mlp_post", "mlp_out")


@dataclass(frozen=True)
class Rung:
    """A dictionary of a layer, with the spread of its densities; or its heads, which have none."""

    id: str
    path: str
    says: str
    label: str
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Layer:
    """A layer: heads and dictionaries of stream and attention to the left, those of the MLP to the right."""

    number: int
    left: Sequence[Rung]
    right: Sequence[Rung]


def ladder(site: Site) -> list[Layer]:
    """Every layer of the model, in the order in which the stream runs through them."""
    left: dict[int, list[Rung]] = {}
    right: dict[int, list[Rung]] = {}
    for record in site.atlas.manifest.heads:
        says, path = f"{record.n_heads:,} heads", site.heads_path(record.id)
        left.setdefault(record.layer, []).append(Rung(record.id, path, says, "", ()))
    for record in site.atlas.manifest.dictionaries:
        hook = HookPoint.parse(record.hook_in)
        side = right if hook.point in _MLP else left
        side.setdefault(hook.layer, []).append(_rung(site, record))
    layers = range(site.atlas.manifest.model.n_layers)
    return [Layer(number, left.get(number, []), right.get(number, [])) for number in layers]


def _rung(site: Site, record: DictionaryRecord) -> Rung:
    density = site.atlas.dictionary(record.id).stat("density")
    living = density[density > 0]
    dead = dead_of(record)
    says = f"{record.n_latents:,} {units_of(record)}" + (f", {dead:,} dead" if dead else "")
    label = f"densities {living.min():.1e} to {living.max():.1e}" if len(living) else "no unit fires"
    return Rung(record.id, site.dictionary_path(record.id), says, label, density_bars(density))
