"""A random model, dictionary and corpus, small enough to build an atlas of in a second."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel

from pipeline.core.dictionaries import Dictionary
from pipeline.core.dictionary_spec import DictionaryParams, Spec, parse_spec
from pipeline.core.load_dictionary import Width, load_dictionary
from pipeline.core.params import Params

N_LAYERS, D_MODEL, N_HEADS, D_VOCAB, CTX = 2, 24, 3, 400, 32
N_LATENTS, K = 40, 5
SENTENCE = "the heron stood in grey water and the ferry was late again"


def write_text(folder: Path, n_documents: int = 12) -> Path:
    """Documents of different lengths, one of them a single token, one empty."""
    folder.mkdir(parents=True, exist_ok=True)
    words = "the heron stood in grey water and the ferry was late again on Tuesday at 7:45".split()
    for number in range(n_documents):
        chosen = [words[(7 * i * (number + 1) + i // 3) % len(words)] for i in range(15 + 37 * number)]
        (folder / f"{number:02}.txt").write_text(" ".join(chosen) + ".\n")
    (folder / "one.txt").write_text("t")
    (folder / "empty.txt").write_text("")
    return folder


def write_model(folder: Path, bos: bool = True) -> Path:
    """A GPT-2 of two layers whose activations depend on context, with a byte-level BPE."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=N_LAYERS,
        n_embd=D_MODEL,
        n_head=N_HEADS,
        vocab_size=D_VOCAB,
        n_positions=CTX,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.4,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    write_tokenizer(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"add_bos_token": bos}))
    return folder


def write_tokenizer(folder: Path) -> None:
    """A byte-level BPE; type 0 ends documents."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=D_VOCAB,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([SENTENCE] * 3, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))


def write_dictionary(folder: Path, d_in: int = D_MODEL, architecture: str = "topk", **config: object) -> Path:
    """A SAELens folder with random directions."""
    generator = torch.Generator().manual_seed(1)
    directions = torch.randn(N_LATENTS, d_in, generator=generator) / d_in**0.5
    arrays = {
        "W_enc": directions.T.contiguous(),
        "W_dec": directions,
        "b_enc": torch.randn(N_LATENTS, generator=generator) / 10 - 0.2,
        "b_dec": torch.randn(d_in, generator=generator) / 10,
    }
    if architecture.startswith("jumprelu"):
        arrays["threshold"] = torch.rand(N_LATENTS, generator=generator)
    return write_saelens(folder, arrays, architecture=architecture, **config)


def in_units(params: Params) -> Params:
    """The same, scanned in 14 units of 12 windows."""
    return params.model_copy(update={"scan": params.scan.model_copy(update={"unit_tokens": 300})})


def load(given: str | DictionaryParams, name: str = "d", width: int = D_MODEL) -> Dictionary:
    """The one dictionary of a spec, for a model that is so wide everywhere."""
    (dictionary,) = load_dictionary(parse_spec(name, given), lambda _: width)
    return dictionary


def load_all(spec: Spec, width: Width) -> list[Dictionary]:
    """The dictionaries of a spec."""
    return load_dictionary(spec, width)


def write_saelens(folder: Path, arrays: dict[str, torch.Tensor], **config: object) -> Path:
    """A SAELens folder of these weights."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(arrays, folder / "sae_weights.safetensors")
    d_in, d_sae = arrays["W_enc"].shape
    config = {"d_in": d_in, "d_sae": d_sae, "k": K, "dtype": "float32", **config}
    (folder / "cfg.json").write_text(json.dumps(config))
    return folder
