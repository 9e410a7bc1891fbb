"""Make goldens anew: python -m tests.goldens.make FAMILY..., where the family's library is installed."""

from __future__ import annotations

import sys
from importlib import import_module

MODULES = {
    "sae_lens": "sae_lens_v6",
    "sae_lens_pre6": "sae_lens_pre6",
    "transformer_lens": "transformer_lens_gpt2",
    "circuit_tracer": "circuit_tracer_sets",
    "sparsify": "sparsify_coders",
    "dictionary_learning": "dictionary_learning_trainers",
    "openai": "openai",
    "dunefsky": "dunefsky",
    "attention_saes": "attention_saes",
}


def main(families: list[str]) -> None:
    unknown = set(families) - MODULES.keys()
    if unknown or not families:
        sys.exit(f"say which families: {', '.join(MODULES)}")
    for family in families:
        import_module(f"tests.goldens.{MODULES[family]}").make()


if __name__ == "__main__":
    main(sys.argv[1:])
