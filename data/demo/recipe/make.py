"""Makes the demo: tokenizer -> tokens -> language model -> dictionaries -> files -> measurements, card."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
import yaml
from card import model_card
from evaluate import evaluate, write_texts
from export import export_dictionary, export_lm
from latents import train_dictionaries
from lm import train_lm, trained_tokens
from mix import documents, split
from tokenizer import train_tokenizer
from tokens import Draws, Tokens

from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.progress import say

HERE = Path(__file__).parent


def main() -> None:
    """Every step goes on where it was stopped, and is passed over when done."""
    given = _arguments()
    recipe = yaml.safe_load(given.recipe.read_text())
    given.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(given.threads)
    train, held = tokenise(given.texts, given.work, recipe)
    draws = Draws(train, recipe["mix"], recipe["seed"])
    export_lm(train_lm(draws, recipe, given.work), given.work, given.out / "lm")
    # Dictionaries learn from, and are measured on, the rounded weights that ship.
    folder = ModelFolder.resolve(str(given.out / "lm"))
    for each in train_dictionaries(SubjectModel.load(folder).network, draws, recipe, given.work):
        export_dictionary(each.place, each.latents, recipe, given.out / "dictionaries" / each.place.id)
    report = evaluate(folder, given.out, held, given.work / "held_out", given.work, recipe)
    report |= {"mix": draws.shares(), "trained": trained_tokens(draws, recipe), "recipe": recipe}
    _finish(report, given.work, given.out)


def tokenise(texts: Path, work: Path, recipe: dict[str, Any]) -> tuple[Tokens, Tokens]:
    """Training and held-out tokens; the texts are read only where these are not there yet."""
    paths = work / "train.npz", work / "held_out.npz"
    if not all(path.is_file() for path in paths):
        train, held = split(documents(texts), recipe["held_out"], recipe["held_out_by"])
        tokenizer = train_tokenizer(train, recipe["vocabulary"], work)
        write_texts(held, work / "held_out")
        for docs, path in zip((train, held), paths, strict=True):
            Tokens.of(docs, tokenizer, recipe["model"]["n_positions"]).save(path)
    found = Tokens.load(paths[0]), Tokens.load(paths[1])
    say(f"{found[0].n_tokens:,} tokens to train on, {found[1].n_tokens:,} held out")
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True, help="parquet: source, title, text")
    parser.add_argument("--recipe", type=Path, default=HERE / "recipe.yaml", help="the settings")
    parser.add_argument("--work", type=Path, default=Path("build/recipe"), help="for checkpoints")
    parser.add_argument("--out", type=Path, default=HERE.parent, help="for lm/ and dictionaries/")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch")
    return parser.parse_args()


def _finish(report: dict[str, Any], work: Path, out: Path) -> None:
    (work / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (out / "README.md").write_text(model_card(report, out))
    say(f"done: {out / 'README.md'} says what came out")


if __name__ == "__main__":
    main()
