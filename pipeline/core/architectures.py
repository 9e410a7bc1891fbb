"""The families of models that are read: where each keeps what, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from feature_atlas.errors import InputError

TAP = "tap"  # name of the module that each attention module is given, see pipeline/core/attention.py

Side = Literal["input", "output", "pattern", "values"]


@dataclass(frozen=True)
class Family:
    """Names as in `transformers`: `blocks` and `final_norm` in the model, the others in a block.

    `qkv` are the maps to queries, keys and values, one after another; in one map they may lie head by
    head (`by_head`). `attn_write` and `mlp_write` are the maps back to the residual stream, `mlp_read` the
    map whose outcome the MLP's nonlinearity is applied to, in a gated MLP the gate's. `rotary` families
    turn queries and keys by where they stand. `keys` gives the configuration's key of each size,
    `parallel` that of whether attention and MLP read the same stream, and `masks` the ends of names of
    old files' tensors that are no parameters.
    """

    architecture: str
    blocks: str
    final_norm: str
    ln1: str
    attn: str
    qkv: tuple[str, ...]
    by_head: bool
    attn_write: str
    ln2: str
    mlp: str
    mlp_read: str
    mlp_write: str
    rotary: bool
    keys: Mapping[str, str]
    mlp_ratio: int | None
    parallel: str | None
    rms: bool
    masks: tuple[str, ...]

    @cached_property
    def points(self) -> dict[str, tuple[str, Side]]:
        """Hook point -> module of a block ("" is the block), and which side of it."""
        tap = f"{self.attn}.{TAP}"
        return {
            "resid_pre": ("", "input"),
            "ln1_out": (self.ln1, "output"),
            "attn_pattern": (tap, "pattern"),
            "attn_v": (tap, "values"),
            "attn_z": (self.attn_write, "input"),
            "attn_out": (self.attn, "output"),
            "resid_mid": (self.ln2, "input"),
            "ln2_out": (self.ln2, "output"),
            "mlp_post": (self.mlp_write, "input"),
            "mlp_out": (self.mlp, "output"),
            "resid_post": ("", "output"),
        }


_GPT2 = Family(
    architecture="GPT2LMHeadModel",
    blocks="transformer.h",
    final_norm="transformer.ln_f",
    ln1="ln_1",
    attn="attn",
    qkv=("attn.c_attn",),
    by_head=False,
    attn_write="attn.c_proj",
    ln2="ln_2",
    mlp="mlp",
    mlp_read="mlp.c_fc",
    mlp_write="mlp.c_proj",
    rotary=False,
    keys={
        "n_layers": "n_layer",
        "n_heads": "n_head",
        "d_model": "n_embd",
        "d_mlp": "n_inner",
        "d_vocab": "vocab_size",
        "n_ctx": "n_positions",
    },
    mlp_ratio=4,
    parallel=None,
    rms=False,
    masks=(".attn.bias", ".attn.masked_bias"),
)

_GPT_NEOX = Family(
    architecture="GPTNeoXForCausalLM",
    blocks="gpt_neox.layers",
    final_norm="gpt_neox.final_layer_norm",
    ln1="input_layernorm",
    attn="attention",
    qkv=("attention.query_key_value",),
    by_head=True,
    attn_write="attention.dense",
    ln2="post_attention_layernorm",
    mlp="mlp",
    mlp_read="mlp.dense_h_to_4h",
    mlp_write="mlp.dense_4h_to_h",
    rotary=True,
    keys={
        "n_layers": "num_hidden_layers",
        "n_heads": "num_attention_heads",
        "d_model": "hidden_size",
        "d_mlp": "intermediate_size",
        "d_vocab": "vocab_size",
        "n_ctx": "max_position_embeddings",
    },
    mlp_ratio=None,
    parallel="use_parallel_residual",
    rms=False,
    masks=(".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"),
)

_LLAMA = Family(
    architecture="LlamaForCausalLM",
    blocks="model.layers",
    final_norm="model.norm",
    ln1="input_layernorm",
    attn="self_attn",
    qkv=("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    by_head=False,
    attn_write="self_attn.o_proj",
    ln2="post_attention_layernorm",
    mlp="mlp",
    mlp_read="mlp.gate_proj",
    mlp_write="mlp.down_proj",
    rotary=True,
    keys={**_GPT_NEOX.keys, "n_kv_heads": "num_key_value_heads", "d_head": "head_dim"},
    mlp_ratio=None,
    parallel=None,
    rms=True,
    masks=(".rotary_emb.inv_freq",),
)

# By `model_type` of config.json.
FAMILIES = {
    "gpt2": _GPT2,
    "gpt_neox": _GPT_NEOX,
    "llama": _LLAMA,
    "mistral": replace(_LLAMA, architecture="MistralForCausalLM"),
    "qwen2": replace(_LLAMA, architecture="Qwen2ForCausalLM"),
}


def family_of(config: Mapping[str, Any], where: object) -> Family:
    """The family of a model with this config.json; InputError, with those supported, if it is none."""
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        supported = ", ".join(family.architecture for family in FAMILIES.values())
        raise InputError(f"{where} holds a model of type {kind!r}; supported: {supported}")
    return FAMILIES[kind]
