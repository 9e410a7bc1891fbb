"""The model card: `card.md` with the measured numbers and the recipe's settings filled in."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from string import Template
from typing import Any

from export import WEIGHTS

from feature_atlas.manifest import QualityRecord
from pipeline.core.files import file_digest

HERE = Path(__file__).parent
_HELD_OUT = {
    "title": "Documents are held out by title. For books a title is one chapter: other chapters of"
    " the same book, with the same names and places, were trained on, so the loss on books is"
    " lower than it would be on an unseen book.",
    "work": "Whole works are held out: no chapter of a held-out book was trained on.",
}
GOOD = 8  # right answers of 10: who picks five at random gets there in 26 of 252 cases
_APART = ("project", "python-docs")  # told apart from the mean: ours, and what every Python brings


def model_card(report: dict[str, Any], out: Path) -> str:
    """The text of `data/demo/README.md`."""
    recipe, lm, latents = report["recipe"], report["recipe"]["lm"], report["recipe"]["latents"]
    shape, induction = recipe["model"], report["induction"]
    heads = sorted(induction["scores"].items(), key=lambda item: -item[1])
    quality = list(report["dictionaries"].values())
    return Template((HERE / "card.md").read_text()).substitute(
        **{key: f"{value}" for key, value in shape.items()},
        vocabulary=f"{recipe['vocabulary']:,}",
        model_mb=f"{_size(out / 'lm') / 1e6:.2f}",
        dictionary_mb=f"{_size(out / 'dictionaries') / len(quality) / 1e6:.2f}",
        total_mb=f"{(_size(out / 'lm') + _size(out / 'dictionaries')) / 1e6:.2f}",
        steps=f"{lm['steps']:,}",
        batch=lm["batch"],
        repeats=f"{lm['repeats']:.0%}",
        tokens_m=f"{report['trained'] / 1e6:.1f}",
        passes=f"{report['trained'] / sum(r['weight'] * r['tokens'] for r in report['mix'].values()):.2f}",
        muon_lr=lm["muon_lr"],
        adam_lr=lm["adam_lr"],
        warmup=lm["warmup"],
        cooldown=f"{lm['cooldown']:.0%}",
        induction_first=f"{induction['first']:.2f}",
        induction_second=f"{induction['second']:.2f}",
        induction_heads=", ".join(f"`attn.{name}` {score:.2f}" for name, score in heads[:3]),
        latents=f"{latents['expansion'] * shape['n_embd']:,}",
        latents_steps=f"{latents['steps']:,}",
        latents_batch=f"{latents['batch']:,}",
        positions_m=f"{latents['steps'] * latents['batch'] / 1e6:.1f}",
        held_out=f"{recipe['held_out']:.1%}",
        held_out_how=_HELD_OUT[recipe["held_out_by"]],
        held_positions=f"{quality[0]['n_tokens']:,}",
        spliced_positions=f"{quality[0]['n_spliced']:,}",
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        mix_table=_mix_table(report["mix"]),
        loss_table=_loss_table(report["sources"]),
        quality_table=_quality_table(report["dictionaries"], recipe["dictionaries"]),
        blind=_blind(out),
        digests=_digests(out),
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _mix_table(mix: dict[str, dict[str, float]]) -> str:
    rows = sorted(mix.items(), key=lambda row: -row[1]["share"])
    return _table(
        ["source", "documents", "tokens", "weight", "share of windows"],
        [
            [name, f"{r['documents']:,}", f"{r['tokens']:,}", f"{r['weight']:g}"] + [f"{r['share']:.1%}"]
            for name, r in rows
        ],
    )


def _loss_table(sources: dict[str, dict[str, float]]) -> str:
    others = {name: r for name, r in sources.items() if name not in _APART}
    rows = [_loss_row(name, r) for name, r in sorted(others.items())]
    nats = sum(r["nats"] for r in others.values()) / len(others)
    bits = sum(r["bits_per_byte"] for r in others.values()) / len(others)
    rows.append(["**mean of these**", "", "", f"**{nats:.3f}**", f"**{bits:.3f}**"])
    rows += [_loss_row(name, sources[name]) for name in _APART if name in sources]
    return _table(["source", "documents", "tokens", "nats/token", "bits/byte"], rows)


def _loss_row(name: str, r: dict[str, float]) -> list[str]:
    return [name, f"{r['documents']:,}", f"{r['tokens']:,}", f"{r['nats']:.3f}", f"{r['bits_per_byte']:.3f}"]


def _quality_table(quality: dict[str, dict[str, Any]], trained: dict[str, dict[str, Any]]) -> str:
    rows: list[list[str]] = []
    for name, told in quality.items():
        record = QualityRecord.model_validate(told)
        at, k = trained[name]["at"].replace(":", " to "), trained[name]["k"]
        rows.append(
            [f"`{name}`", at, f"{k}", f"{record.l0:.1f}", f"{record.dead:.1%}"]
            + [f"{record.fvu:.3f}", f"{record.fvu_per_position:.3f}", f"{record.ce_spliced:.3f}"]
            + [f"{record.ce_spliced - record.ce:+.3f}", f"{record.ce_mean_ablated:.3f}"]
            + [f"{record.ce_recovered:.1%}"]
        )
    head = ["dictionary", "at", "k", "L0", "dead", "FVU", "FVU per position", "CE", "delta CE", "CE ablated"]
    return _table([*head, "recovered"], rows)


def _blind(out: Path) -> str:
    """What `blind.py` wrote into `out/blind.json`, if it speaks of the weights that are there."""
    path = out / "blind.json"
    told = json.loads(path.read_text()) if path.is_file() else None
    if not told or told["weights"] != file_digest(out / "dictionaries" / told["dictionary"] / WEIGHTS):
        return "Not tested with these weights."
    latents = told["latents"]
    good = sum(latent["right"] >= GOOD for latent in latents.values())
    rows = [
        [f"{index}", latent["description"], f"{latent['right']}"]
        for index, latent in sorted(latents.items(), key=lambda item: (-item[1]["right"], int(item[0])))
    ]
    return (
        f"Of {len(latents)} latents of `{told['dictionary']}`, {good} got {GOOD} or more of 10 right.\n\n"
        + _table(["latent", "description", "right of 10"], rows, ":--")
    )


def _digests(out: Path) -> str:
    files = sorted(path for part in ("lm", "dictionaries") for path in (out / part).rglob("*.safetensors"))
    return "\n".join(f"    {file_digest(path)}  {path.relative_to(out).as_posix()}" for path in files)


def _table(head: list[str], rows: list[list[str]], second: str = "--:") -> str:
    rule = ["---", second] + ["--:"] * (len(head) - 2)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])
