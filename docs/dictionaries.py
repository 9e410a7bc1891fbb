"""`docs/dictionaries.md` from the goldens: `python -m docs.dictionaries` measures and rewrites it."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from tests.goldens.cases import FAMILIES, REFUSED, Case, cases

PATH = Path(__file__).parent / "dictionaries.md"
# What stands in a measured column: the smallest of these that is not exceeded.
BOUNDS = (1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 1e-4)

_HEAD = """<!-- Made from tests/goldens by: python -m docs.dictionaries -->
# Dictionaries: families, variants, and how near we come

Every row is a file that the family's own library wrote and ran, of small random weights
([how](../tests/goldens/README.md)); for OpenAI's, Dunefsky's and Kissane's, which no package holds, their
published equations in numpy. Read here, latents and reconstructions differ from what the library computed by
at most as much, over the largest value. The tests ask for 1e-5 and 1e-4.

What is refused says why in one line, with exit code 2. [How to give a dictionary](your-dictionary.md).
A gate is read as the threshold that it amounts to, and norms and scales are folded into the weights; the
atlas' manifest says which (`folded`), and the dictionary's page shows it.
"""
_TITLES = {
    "attention_saes": "Kissane's attention-output SAEs (attention_saes)",
    "sae_lens": "SAELens 6",
    "sae_lens_pre6": "SAELens before 6",
    "openai": "OpenAI, GPT-2",
    "dictionary_learning": "dictionary_learning",
    "sparsify": "sparsify",
    "circuit_tracer": "circuit-tracer",
    "dunefsky": "Dunefsky's transcoders (transcoder_circuits)",
}


def page() -> str:
    """The page: a table for each family."""
    parts = [_HEAD]
    for family, of_family in groupby(cases(), lambda case: case.golden.partition("/")[0]):
        rows = [_row(case) for case in of_family]
        head = ["| variant | latents | reconstruction |", "|---|---|---|"]
        parts.append("\n".join([f"## {_TITLES[family]}", "", *head, *rows, ""]))
    assert _TITLES.keys() == FAMILIES.keys()
    return "\n".join(parts)


def row_name(case: Case) -> str:
    """What a case is called in its table."""
    return case.golden.partition("/")[2] + (", given `norm_scale`" if case.given.get("norm_scale") else "")


def _row(case: Case) -> str:
    name = row_name(case)
    if case.refusal is not None:
        return f"| {name} | refused | {REFUSED[case.golden]} |"
    latents, reconstruction = case.errors()
    return f"| {name} | {_bound(latents)} | {_bound(reconstruction)} |"


def _bound(error: float | None) -> str:
    if error is None:
        return "of all layers together only"
    return f"{next(bound for bound in BOUNDS if error <= bound):.0e}"


if __name__ == "__main__":
    PATH.write_text(page())
