"""Other tools' names of hook points, in ours."""

from __future__ import annotations

import re
from typing import Literal

from feature_atlas.address import HookPoint

# TransformerLens, after `blocks.<layer>.`. `hook_normalized` is the norm's output, gain and bias included
# unless they were folded into the weights; `mlp.hook_in` and `mlp.hook_out` are circuit-tracer's.
_HOOKS = {
    "hook_resid_pre": "resid_pre",
    "ln1.hook_normalized": "ln1_out",
    "attn.hook_z": "attn_z",
    "hook_attn_out": "attn_out",
    "hook_resid_mid": "resid_mid",
    "ln2.hook_normalized": "ln2_out",
    "mlp.hook_in": "ln2_out",
    "mlp.hook_post": "mlp_post",
    "hook_mlp_out": "mlp_out",
    "mlp.hook_out": "mlp_out",
    "hook_resid_post": "resid_post",
}
# Module paths of Hugging Face's models, after the layer's number: what the module takes and gives.
_MODULES = {
    "": ("resid_pre", "resid_post"),
    "attn": ("ln1_out", "attn_out"),
    "attention": ("ln1_out", "attn_out"),
    "self_attn": ("ln1_out", "attn_out"),
    "mlp": ("ln2_out", "mlp_out"),
    "mlp.act": (None, "mlp_post"),
    "ln_1": ("resid_pre", "ln1_out"),
    "ln_2": ("resid_mid", "ln2_out"),
}
_MODULE = re.compile(r"(?:\w+\.)*?(?:h|layers)\.(\d+)(?:\.([\w.]+))?")


def transformer_lens(name: str) -> HookPoint | None:
    """`blocks.6.hook_resid_pre` as `resid_pre.6`; None for a name that has no place here."""
    match = re.fullmatch(r"blocks\.(\d+)\.(.+)", name)
    if match is None or match[2] not in _HOOKS:
        return None
    return HookPoint(_HOOKS[match[2]], int(match[1]))


def in_layer(hook: str, layer: int) -> HookPoint | None:
    """`hook_mlp_out` of layer 3 as `mlp_out.3`."""
    return transformer_lens(f"blocks.{layer}.{hook}")


def module(path: str, side: Literal["in", "out"]) -> HookPoint | None:
    """What `transformer.h.3.mlp` takes or gives as `ln2_out.3` or `mlp_out.3`; None for others."""
    match = _MODULE.fullmatch(path)
    point = _MODULES.get(match[2] or "", (None, None))[side == "out"] if match else None
    return HookPoint(point, int(match[1])) if match and point else None
