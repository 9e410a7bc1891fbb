"""The model card: `card.md` with the measured numbers and the recipe's settings filled in."""

from __future__ import annotations

import sys
from pathlib import Path
from string import Template
from typing import Any

HERE = Path(__file__).parent
_HELD_OUT = {
    "title": "Documents are held out by title. For books a title is one chapter: other chapters of"
    " the same book, with the same names and places, were trained on, so the loss on books is"
    " lower than it would be on an unseen book.",
    "work": "Whole works are held out: no chapter of a held-out book was trained on.",
}

_PROJECT_ROW = "| project | this repository | Apache-2.0 |\n"


def model_card(report: dict[str, Any], out: Path) -> str:
    """The text of `data/demo/README.md`."""
    recipe, lm, sae = report["recipe"], report["recipe"]["lm"], report["recipe"]["sae"]
    shape = recipe["model"]
    return Template((HERE / "card.md").read_text()).substitute(
        **{key: f"{value}" for key, value in shape.items()},
        vocabulary=f"{recipe['vocabulary']:,}",
        model_mb=f"{_size(out / 'lm') / 1e6:.2f}",
        sae_mb=f"{_size(out / 'dictionaries') / len(report['saes']) / 1e6:.2f}",
        total_mb=f"{(_size(out / 'lm') + _size(out / 'dictionaries')) / 1e6:.2f}",
        steps=f"{lm['steps']:,}",
        batch=lm["batch"],
        tokens_m=f"{report['trained'] / 1e6:.1f}",
        passes=f"{report['trained'] / sum(r['weight'] * r['tokens'] for r in report['mix'].values()):.2f}",
        muon_lr=lm["muon_lr"],
        adam_lr=lm["adam_lr"],
        warmup=lm["warmup"],
        cooldown=f"{lm['cooldown']:.0%}",
        latents=f"{sae['expansion'] * shape['n_embd']:,}",
        k=sae["k"],
        sae_steps=f"{sae['steps']:,}",
        sae_batch=f"{sae['batch']:,}",
        positions_m=f"{sae['steps'] * sae['batch'] / 1e6:.1f}",
        held_out=f"{recipe['held_out']:.0%}",
        held_out_how=_HELD_OUT[recipe["held_out_by"]],
        per_source=recipe["evaluation"]["windows_per_source"],
        held_positions=f"{report['saes'][0]['positions']:,}",
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        project_texts=_project(report["mix"]),
        project_row=_PROJECT_ROW if "project" in report["mix"] else "",
        mix_table=_mix_table(report["mix"]),
        loss_table=_loss_table(report["sources"]),
        sae_table=_sae_table(report),
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _project(mix: dict[str, dict[str, float]]) -> str:
    if "project" not in mix:
        return "The project's own texts (`data/demo/texts`) did not exist yet: none was trained on."
    return "`project` is the project's own texts, `data/demo/texts` without `held_out/`."


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
    rows = [
        [name, f"{r['documents']:,}", f"{r['tokens']:,}"] + [f"{r['nats']:.3f}", f"{r['bits_per_byte']:.3f}"]
        for name, r in sorted(sources.items())
    ]
    nats = sum(r["nats"] for r in sources.values()) / len(sources)
    bits = sum(r["bits_per_byte"] for r in sources.values()) / len(sources)
    rows.append(["mean of sources", "", "", f"{nats:.3f}", f"{bits:.3f}"])
    return _table(["source", "documents", "tokens", "nats/token", "bits/byte"], rows)


def _sae_table(report: dict[str, Any]) -> str:
    base, rows = report["base_ce"], []
    for r in report["saes"]:
        recovered = (r["ce_mean_ablated"] - r["ce"]) / (r["ce_mean_ablated"] - base)
        rows.append(
            [f"`{r['id']}`", f"{r['fvu']:.3f}", f"{r['l0']:.1f}", f"{r['dead']:.1%}"]
            + [f"{base:.3f}", f"{r['ce']:.3f}", f"{r['ce_mean_ablated']:.3f}", f"{recovered:.1%}"]
        )
    head = ["dictionary", "FVU", "L0", "dead", "CE", "CE with SAE", "CE mean-ablated", "recovered"]
    return _table(head, rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])
