"""What other tools call our models, dictionaries and hook points."""

from __future__ import annotations

import re

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from feature_atlas.manifest import DictionaryRecord

# TransformerLens' names inside `blocks.<layer>.`
_HOOKS = {
    "resid_pre": "hook_resid_pre",
    "ln1_out": "ln1.hook_normalized",
    "attn_z": "attn.hook_z",
    "attn_pattern": "attn.hook_pattern",
    "attn_out": "hook_attn_out",
    "resid_mid": "hook_resid_mid",
    "ln2_out": "ln2.hook_normalized",
    "mlp_post": "mlp.hook_post",
    "mlp_out": "hook_mlp_out",
    "resid_post": "hook_resid_post",
}


def slug(text: str) -> str:
    """Small letters, digits, `_` and `-`; all else becomes `-`."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-") or "unnamed"


def layer_of(record: DictionaryRecord) -> int:
    """The layer that a dictionary is read at."""
    return HookPoint.parse(record.hook_in).layer


def hook_name(hook_point: str) -> str:
    """TransformerLens' name of a hook point."""
    point = HookPoint.parse(hook_point)
    return f"blocks.{point.layer}.{_HOOKS[point.point]}"


def set_name(record: DictionaryRecord) -> str:
    """The source set of a dictionary: its id without the layer, so that all layers share it."""
    parts = record.id.split(".")
    if str(layer_of(record)) in parts[1:]:
        del parts[parts.index(str(layer_of(record)), 1)]
    return slug("-".join(parts))


def source_id(record: DictionaryRecord) -> str:
    """Neuronpedia's name of a dictionary: `<layer>-<set>`, as `2-resid_post-sae` of resid_post.2.sae."""
    return f"{layer_of(record)}-{set_name(record)}"


def one_a_layer(records: list[DictionaryRecord], to: str) -> None:
    """Raises InputError if two dictionaries share a layer."""
    first: dict[int, str] = {}
    for record in records:
        other = first.setdefault(layer_of(record), record.id)
        if other != record.id:
            raise InputError(
                f"{to} holds one dictionary a layer, but {other} and {record.id} are both at layer"
                f" {layer_of(record)}: choose with --dictionary"
            )
