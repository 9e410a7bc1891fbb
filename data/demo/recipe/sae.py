"""Trains a TopK SAE on `resid_post` of every layer, all in one pass over fresh activations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import checkpoint
import torch
from jaxtyping import Float
from tokens import Draws
from torch import Tensor, nn
from transformers import GPT2LMHeadModel

from feature_atlas.address import HookPoint
from pipeline.core.model import SubjectModel
from pipeline.core.progress import say, step

PURPOSE = 2
BUFFERED = 8  # batches whose positions are mixed: neighbours in a text are much alike


class TopK(nn.Module):
    """acts = relu(top k of (x - b_dec) @ W_enc + b_enc); reconstruction = acts @ W_dec + b_dec.

    Rows of W_dec have norm 1. In training, inputs are divided by `scale`, their root mean square.
    """

    scale: Tensor
    silent: Tensor

    def __init__(self, d_in: int, n_latents: int, k: int) -> None:
        super().__init__()
        directions = nn.functional.normalize(torch.randn(n_latents, d_in), dim=-1)
        self.k = k
        self.W_dec = nn.Parameter(directions)
        self.W_enc = nn.Parameter(directions.T.clone())
        self.b_enc = nn.Parameter(torch.zeros(n_latents))
        self.b_dec = nn.Parameter(torch.zeros(d_in))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("silent", torch.zeros(n_latents, dtype=torch.int64))

    def pre_acts(self, x: Float[Tensor, "position d_in"]) -> Float[Tensor, "position latent"]:
        """Before the top k are chosen."""
        return (x - self.b_dec) @ self.W_enc + self.b_enc

    def decode(self, values: Tensor, latents: Tensor) -> Float[Tensor, "position d_in"]:
        """The sum of the chosen latents' rows, by their values."""
        rows = nn.functional.embedding_bag(latents, self.W_dec, per_sample_weights=values, mode="sum")
        return rows + self.b_dec

    def loss(self, x: Float[Tensor, "position d_in"], settings: dict[str, Any]) -> Tensor:
        """Squared error over variance, plus Gao et al.'s (2024) loss on silent latents."""
        pre = self.pre_acts(x)
        values, latents = pre.topk(self.k, dim=-1)
        values = values.relu()
        error = x - self.decode(values, latents)
        loss = error.pow(2).sum() / (x - x.mean(0)).pow(2).sum()
        fired = torch.bincount(latents[values > 0], minlength=len(self.silent))
        self.silent = torch.where(fired > 0, 0, self.silent + 1)
        dead = self.silent > settings["dead_after"]
        if dead.any():
            k = min(settings["aux_k"], int(dead.sum()))
            loss = loss + settings["aux_weight"] * self._silent_loss(pre, error.detach(), dead, k)
        return loss

    def _silent_loss(self, pre: Tensor, error: Tensor, dead: Tensor, k: int) -> Tensor:
        """|e - e_hat|^2 / |e|^2, where e_hat is made of the k highest silent latents."""
        aux = pre.masked_fill(~dead, -torch.inf).topk(k, dim=-1)
        guess = self.decode(aux.values.relu(), aux.indices) - self.b_dec
        return (error - guess).pow(2).sum() / error.pow(2).sum()

    @torch.no_grad()
    def keep_unit_norm(self) -> None:
        """Rows of W_dec back to norm 1."""
        self.W_dec.copy_(nn.functional.normalize(self.W_dec, dim=-1))


def train_saes(model: GPT2LMHeadModel, draws: Draws, recipe: dict[str, Any], folder: Path) -> list[TopK]:
    """Trains, or goes on training, for `sae.steps` steps; one SAE a layer."""
    settings, shape, subject = recipe["sae"], recipe["model"], SubjectModel(model)
    torch.manual_seed(recipe["seed"])
    width = shape["n_embd"]
    n_latents = settings["expansion"] * width
    saes = [TopK(width, n_latents, settings["k"]) for _ in range(shape["n_layer"])]
    optimisers = [torch.optim.Adam(sae.parameters(), lr=settings["lr"], fused=True) for sae in saes]
    path, first = folder / "saes.pt", 0
    if (state := checkpoint.load(path)) is not None:
        for sae, optimiser, saved in zip(saes, optimisers, state["saes"], strict=True):
            sae.load_state_dict(saved["sae"])
            optimiser.load_state_dict(saved["optimiser"])
        first = state["step"]
    elif settings["steps"]:
        _start_at_mean(saes, _positions(subject, draws, 0, BUFFERED * settings["batch"]))
    batch, steps = settings["batch"], settings["steps"]
    with step("SAEs", steps * batch, "positions", first * batch) as progress:
        for number, inputs in _batches(subject, draws, batch, range(first, steps)):
            rate = settings["lr"] * min(1.0, 5 * (steps - number) / steps)
            each = zip(saes, optimisers, inputs, strict=True)
            losses = [_train(sae, optimiser, x, settings, rate) for sae, optimiser, x in each]
            progress.advance(batch)
            if (number + 1) % settings["checkpoint_every"] == 0 or number + 1 == steps:
                say(f"step {number + 1}: " + " ".join(f"{loss:.4f}" for loss in losses))
                both = zip(saes, optimisers, strict=True)
                saved = [{"sae": sae.state_dict(), "optimiser": o.state_dict()} for sae, o in both]
                checkpoint.save(path, {"saes": saved, "step": number + 1})
    return saes


def _train(
    sae: TopK, optimiser: torch.optim.Optimizer, x: Tensor, settings: dict[str, Any], rate: float
) -> float:
    for group in optimiser.param_groups:
        group["lr"] = rate
    loss = sae.loss(x / sae.scale, settings)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    sae.keep_unit_norm()
    return loss.item()


def _start_at_mean(saes: list[TopK], inputs: list[Tensor]) -> None:
    for sae, x in zip(saes, inputs, strict=True):
        sae.scale.copy_((x - x.mean(0)).pow(2).mean().sqrt())
        sae.b_dec.data.copy_(x.mean(0) / sae.scale)


def _batches(
    subject: SubjectModel, draws: Draws, size: int, numbers: range
) -> Iterator[tuple[int, list[Tensor]]]:
    """Each step's number, and its inputs layer by layer."""
    buffer: list[Tensor] = []
    for number in numbers:
        place = number % BUFFERED
        if place == 0 or not buffer:
            buffer = _positions(subject, draws, number // BUFFERED, BUFFERED * size)
        yield number, [x[place * size : (place + 1) * size] for x in buffer]


def _positions(subject: SubjectModel, draws: Draws, number: int, n: int) -> list[Tensor]:
    """`resid_post` of every layer at `n` random positions other than BOS and padding."""
    # 110 of a window's 127 positions: some windows are short, and enough must be left to choose from.
    rows = torch.from_numpy(draws.batch(number, n // 110 + 1, PURPOSE))
    points = [HookPoint("resid_post", layer) for layer in range(subject.n_layers)]
    there = rows >= 0
    there[:, 0] = False
    parts = [subject.activations(part.clamp(min=0), points) for part in rows.split(32)]
    chosen = torch.randperm(int(there.sum()), generator=torch.Generator().manual_seed(number))[:n]
    return [torch.cat([part[point] for part in parts])[there][chosen].clone() for point in points]
