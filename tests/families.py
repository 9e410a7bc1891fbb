"""Small random models of every family, in their variants."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, processors, trainers

from tests import tiny

_GPT2 = {"n_layer": 2, "n_embd": 24, "n_head": 3, "n_positions": tiny.CTX}
_NEOX = {
    "num_hidden_layers": 2,
    "hidden_size": 24,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": tiny.CTX,
}
_LLAMA = {**_NEOX, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 8}

# Name -> class, without the ending of its configuration's and its model's name; settings.
VARIANTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gpt2": ("GPT2", "LMHeadModel", _GPT2),
    "gpt2-flags": (
        "GPT2",
        "LMHeadModel",
        {
            **_GPT2,
            "n_inner": 40,
            "activation_function": "relu",
            "scale_attn_by_inverse_layer_idx": True,
            "reorder_and_upcast_attn": True,
            "tie_word_embeddings": False,
        },
    ),
    "pythia": (
        "GPTNeoX",
        "ForCausalLM",
        {
            **_NEOX,
            "use_parallel_residual": True,
            "tie_word_embeddings": False,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000, "partial_rotary_factor": 0.5},
        },
    ),
    "neox-sequential": (
        "GPTNeoX",
        "ForCausalLM",
        {**_NEOX, "use_parallel_residual": False, "tie_word_embeddings": True, "hidden_act": "gelu_new"},
    ),
    "llama": ("Llama", "ForCausalLM", {**_LLAMA, "tie_word_embeddings": False}),
    "llama-biases": (
        "Llama",
        "ForCausalLM",
        {**_NEOX, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
    ),
    "mistral": ("Mistral", "ForCausalLM", {**_LLAMA, "sliding_window": 7}),
    "qwen2": ("Qwen2", "ForCausalLM", {**_NEOX, "num_key_value_heads": 1}),
}


def write_family(folder: Path, name: str) -> Path:
    """A model of the variant; gains, biases and all are random, so that none goes unnoticed."""
    kind, ending, settings = VARIANTS[name]
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=tiny.D_VOCAB, bos_token_id=0, eos_token_id=0, **settings
    )
    torch.manual_seed(0)
    model = getattr(transformers, f"{kind}{ending}")(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    model.save_pretrained(folder)
    tiny.write_tokenizer(folder)
    return folder


def write_marked_tokenizer(folder: Path) -> None:
    """A BPE as Llama 2's: a low bar for each space, bytes as pieces, and a BOS before each text."""
    normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizer
    trained.train_from_iterator([tiny.SENTENCE] * 3, trainers.BpeTrainer(vocab_size=100, show_progress=False))
    found = json.loads(trained.to_str())["model"]
    first = ["<s>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces = [*first, *sorted(found["vocab"], key=found["vocab"].get)]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={piece: index for index, piece in enumerate(pieces)},
            merges=[tuple(pair) for pair in found["merges"]],
            unk_token="<unk>",
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(first[:2])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer.save(str(folder / "tokenizer.json"))
