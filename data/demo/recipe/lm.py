"""Trains the language model: Muon on hidden matrices, AdamW on the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import checkpoint
import numpy as np
import torch
from tokens import Draws
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from pipeline.core.progress import say, step

PURPOSE = 1


def new_model(recipe: dict[str, Any]) -> GPT2LMHeadModel:
    """The untrained model.

    gelu_pytorch_tanh is gelu_new computed in one kernel; the shipped config says gelu_new.
    """
    torch.manual_seed(recipe["seed"])
    config = GPT2Config(
        vocab_size=recipe["vocabulary"],
        activation_function="gelu_pytorch_tanh",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
        **recipe["model"],
    )
    return GPT2LMHeadModel(config)


def loss_of(model: GPT2LMHeadModel, rows: np.ndarray) -> Tensor:
    """Mean next-token cross-entropy in nats; -1 marks what is no token."""
    tokens = torch.from_numpy(rows)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(tokens.clamp(min=0), use_cache=False).logits[:, :-1]
    targets = tokens[:, 1:].flatten()
    return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets, ignore_index=-1)


def trained_tokens(draws: Draws, recipe: dict[str, Any]) -> int:
    """Tokens predicted in training: all of each step's windows but BOS and padding."""
    settings = recipe["lm"]
    steps = (
        draws.batch(i, settings["batch"], PURPOSE, settings["repeats"]) for i in range(settings["steps"])
    )
    return sum(int((rows[:, 1:] >= 0).sum()) for rows in steps)


def train_lm(draws: Draws, recipe: dict[str, Any], folder: Path) -> GPT2LMHeadModel:
    """Trains, or goes on training, for `lm.steps` steps."""
    settings, model = recipe["lm"], new_model(recipe)
    optimisers = _optimisers(model, settings)
    path, first = folder / "lm.pt", 0
    if (state := checkpoint.load(path)) is not None:
        model.load_state_dict(state["model"])
        for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        first = state["step"]
    per_step, steps = settings["batch"] * recipe["model"]["n_positions"], settings["steps"]
    with step("language model", steps * per_step, "tokens", first * per_step) as progress:
        for number in range(first, steps):
            _set_rates(optimisers, _rate(number, settings))
            loss = loss_of(model, draws.batch(number, settings["batch"], PURPOSE, settings["repeats"]))
            loss.backward()
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
            progress.advance(per_step)
            if (number + 1) % settings["checkpoint_every"] == 0 or number + 1 == steps:
                say(f"step {number + 1}: {loss.item():.3f} nats")
                saved = [optimiser.state_dict() for optimiser in optimisers]
                state = {"model": model.state_dict(), "optimisers": saved, "step": number + 1}
                checkpoint.save(path, state)
    return model.eval()


def _optimisers(model: GPT2LMHeadModel, settings: dict[str, Any]) -> list[torch.optim.Optimizer]:
    hidden = [p for p in model.transformer.h.parameters() if p.ndim == 2]
    chosen = {id(p) for p in hidden}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(hidden, lr=settings["muon_lr"], weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=settings["adam_lr"], betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]


def _rate(number: int, settings: dict[str, Any]) -> float:
    """Linear warm-up, flat, linear cool-down."""
    left = (settings["steps"] - number) / (settings["cooldown"] * settings["steps"])
    return min((number + 1) / settings["warmup"], 1.0, left)


def _set_rates(optimisers: list[torch.optim.Optimizer], factor: float) -> None:
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group.setdefault("base", group["lr"]) * factor
