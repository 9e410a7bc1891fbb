"""The sizes of a model, as its config.json states them, and which hook points it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from feature_atlas.address import HookPoint
from feature_atlas.errors import AddressError, InputError
from pipeline.core.architectures import Family


@dataclass(frozen=True)
class Shape:
    """`parallel` blocks have attention and MLP read the same stream, and add both at once."""

    n_layers: int
    n_heads: int
    n_kv_heads: int
    d_model: int
    d_head: int
    d_mlp: int
    d_vocab: int
    n_ctx: int
    parallel: bool

    @classmethod
    def of(cls, family: Family, config: Mapping[str, Any], where: object) -> Shape:
        """Reads a configuration; raises InputError naming the first size that is none."""

        def size(name: str, default: int | None = None) -> int:
            key = family.keys.get(name, name)
            value = default if config.get(key) is None else config[key]
            if not isinstance(value, int) or value < 1:
                raise InputError(f"{where}: {key} is {value!r}, not a positive whole number")
            return value

        d_model, n_heads = size("d_model"), size("n_heads")
        shape = cls(
            n_layers=size("n_layers"),
            n_heads=n_heads,
            n_kv_heads=size("n_kv_heads", n_heads),
            d_model=d_model,
            d_head=size("d_head", d_model // n_heads),
            d_mlp=size("d_mlp", family.mlp_ratio and family.mlp_ratio * d_model),
            d_vocab=size("d_vocab"),
            n_ctx=size("n_ctx"),
            parallel=family.parallel is not None and config.get(family.parallel, True) is True,
        )
        if n_heads % shape.n_kv_heads:
            raise InputError(
                f"{where}: {shape.n_kv_heads} key and value heads do not divide {n_heads} heads evenly"
            )
        return shape

    def check(self, point: HookPoint) -> None:
        """Raises AddressError if the model has no such hook point."""
        if not 0 <= point.layer < self.n_layers:
            raise AddressError(f"{point}: the model has layers 0..{self.n_layers - 1}")
        if self.parallel and point.point == "resid_mid":
            raise AddressError(
                f"{point}: attention and MLP of this model run in parallel, both on"
                f" resid_pre.{point.layer}: no residual stream lies between them"
            )

    def width(self, point: HookPoint) -> int:
        """Length of the activation vector at a hook point; AddressError if it has none."""
        self.check(point)
        if point.point in ("attn_pattern", "attn_v"):
            raise AddressError(
                f"{point} holds no vectors that a dictionary could read; give another hook point"
            )
        return {"mlp_post": self.d_mlp, "attn_z": self.n_heads * self.d_head}.get(point.point, self.d_model)
