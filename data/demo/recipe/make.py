"""Makes the demo model and its dictionaries: tokenizer -> language model -> SAEs -> files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import yaml

from evaluate import evaluate
from export import export_lm, export_sae
from lm import train_lm
from mix import Draws, documents, split, windows
from pipeline.core.progress import say
from sae import train_saes
from tokenizer import train_tokenizer

HERE = Path(__file__).parent


def main() -> None:
    """Every step goes on where it was stopped, and is passed over when done."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--texts", type=Path, required=True, help="Parquet file: source, title, text.")
    arguments.add_argument("--work", type=Path, default=Path("build/recipe"), help="Folder of checkpoints.")
    arguments.add_argument("--out", type=Path, default=HERE.parent, help="Where lm/ and dictionaries/ go.")
    given = arguments.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    recipe = yaml.safe_load((HERE / "recipe.yaml").read_text())
    train, held = split(documents(given.texts), recipe["held_out"])
    tokenizer = train_tokenizer(train, recipe["vocabulary"], given.work)
    table, owner = windows(train, tokenizer, recipe["model"]["n_positions"], bos=0)
    say(f"{len(train):,} documents to train on, {int((table >= 0).sum()):,} tokens; {len(held):,} held out")
    draws = Draws(train, table, owner, recipe)
    model = train_lm(draws, recipe, given.work)
    export_lm(model, given.work, given.out / "lm")
    saes = train_saes(model, draws, recipe, given.work)
    for layer, sae in enumerate(saes):
        export_sae(sae, layer, recipe, given.out / "dictionaries" / f"resid_post.{layer}.sae")
    report = evaluate(model, saes, held, tokenizer, recipe)
    (given.work / "report.json").write_text(json.dumps(report, indent=1))
    say(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
