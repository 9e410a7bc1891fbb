"""What one latent does in one window: its own part is taken out, and what the model then says is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from feature_atlas.address import HookPoint
from feature_atlas.contract import N_LATER, N_MOVED
from pipeline.core.clean import Clean
from pipeline.core.dictionaries import Dictionary
from pipeline.core.inputs import activation, caught_for
from pipeline.core.logits import largest
from pipeline.core.model import SubjectModel
from pipeline.core.normalize import normalized
from pipeline.core.rest import Rest, Taken, place_of, point_at

STEP = 16  # positions: streams have few lengths, since what blocks are given is kept for each
ENCODED = 2**23  # floats: activations of all latents that are held at once where the k largest are chosen


@dataclass(frozen=True)
class Places:
    """Examples: each one's window, as a row of a `Clean`, its latent, and the window index of its peak."""

    window: Int[Tensor, " example"]
    latent: Int[Tensor, " example"]
    peak: Int[Tensor, " example"]


class Ablation:
    """Takes out latents of a dictionary, one in each example.

    Its part is taken away at every counted position of the window: activation x decoder row, as the
    dictionary gives them in the window as it is, times what undoes the input's normalization if it is an SAE
    with one, carried to the residual stream. All else stays as it was: the other latents (of TopK none is
    chosen in its stead), and what the dictionary leaves unexplained. What comes later in the model, later
    latents among it, does change. A cross-layer transcoder's latent is taken out of every layer that it
    writes to. Centring the model's writes, and folding its biases, change no difference of two activations:
    the part is the same in the model's own space.
    """

    def __init__(self, dictionary: Dictionary, model: SubjectModel, rest: Rest) -> None:
        place, matrix = place_of(dictionary.hook_out, model.shape), model.write_matrix(dictionary.hook_out)
        assert place is not None and matrix is not None, dictionary.id
        self.dictionary = dictionary.to(model.device)
        self._place, self._matrix = place, matrix
        self._model, self._rest = model, rest

    @property
    def id(self) -> str:
        """The dictionary's name."""
        return self.dictionary.id

    @property
    def points(self) -> set[HookPoint]:
        """What must be caught of the model."""
        read = caught_for([self.dictionary], self._model.shape)
        return {*read, point_at(self._place), point_at(self._rest.end)}

    @torch.inference_mode()
    def measure(self, clean: Clean, at: Places) -> dict[str, Tensor]:
        """The contract's `ablation_*` of each example, [example, column].

        What stands after the positions that are asked for is not run; where no attention follows, nor are
        those at which nothing is taken out.
        """
        clean = clean.first(_length(at, clean))
        taken, target = self.parts(clean, at), clean.target[at.window]
        after = torch.arange(target.shape[1], device=target.device) - at.peak[:, None]
        later = (after > 0) & (after <= N_LATER) & (target >= 0)
        changed = later if self._rest.attends(self._place) else later & taken[self._place].any(-1)
        asked = changed | (after == 0)
        end = clean.acts[point_at(self._rest.end)][at.window][asked]
        before = self._rest.log_probabilities(end)
        without = self._rest.run(clean.acts[point_at(self._place)][at.window], taken, asked)
        change = self._rest.log_probabilities(without) - before
        rise = torch.zeros(after.shape, device=end.device)
        rise[asked] = -change.gather(-1, target[asked].clamp_min(0)[:, None])[:, 0]
        peak = (after == 0)[asked]
        return {
            "ablation_loss": rise.where(target >= 0, torch.nan)[after == 0][:, None],
            # 0 / 0, which is not a number, where nothing comes later
            "ablation_later": (rise.where(later, 0).sum(-1) / later.sum(-1))[:, None],
            **_moved(before[peak], change[peak]),
        }

    def parts(self, clean: Clean, at: Places) -> Taken:
        """What the latents write in their windows, by place in the residual stream."""
        x = activation(self.dictionary, clean.acts, self._model)
        acts = self._activations(x, at) * clean.counted[at.window]
        if self.dictionary.kind == "sae" and self.dictionary.normalization != "none":
            _, _, scale = normalized(x.flatten(0, 1), self.dictionary.normalization)
            assert isinstance(scale, Tensor)
            acts = acts * scale.view(x.shape[:2])[at.window]
        return {place: acts[..., None] * rows[:, None] for place, rows in self._rows(at.latent).items()}

    def _rows(self, latent: Int[Tensor, " example"]) -> Mapping[int, Float[Tensor, "example d_model"]]:
        """What they write for a unit of activation."""
        dictionary = self.dictionary
        if dictionary.writes is not None:
            rows = dictionary.writes[latent].unbind(1)
            return {self._place + 2 * layer: row for layer, row in enumerate(rows)}
        if dictionary.W_dec is None:
            return {self._place: self._matrix[latent]}
        return {self._place: dictionary.W_dec[latent] @ self._matrix}

    def _activations(self, x: Float[Tensor, "window pos d_in"], at: Places) -> Float[Tensor, "example pos"]:
        """Of each example's latent at every position of its window."""
        ctx = x.shape[1]
        size = len(x) if self.dictionary.k is None else max(1, ENCODED // (ctx * self.dictionary.n_latents))
        found = x.new_zeros(len(at.window), ctx)
        for windows in at.window.unique().split(size):
            here = torch.isin(at.window, windows).nonzero()[:, 0]
            acts = self.dictionary.encode_some(x[windows].flatten(0, 1), at.latent[here])
            of_window = torch.searchsorted(windows, at.window[here])
            own = torch.arange(len(here), device=x.device)
            found[here] = acts.view(len(windows), ctx, -1)[of_window, :, own]
        return found


def _length(at: Places, clean: Clean) -> int:
    """Positions up to the last one that is asked for, in whole STEPs."""
    return min(-(-(int(at.peak.max()) + N_LATER + 1) // STEP) * STEP, clean.target.shape[1])


def _moved(
    before: Float[Tensor, "example d_vocab"], change: Float[Tensor, "example d_vocab"]
) -> dict[str, Tensor]:
    """KL(before || after), and what changes most, from log-probabilities."""
    raised, raised_token = largest(change, N_MOVED)
    lowered, lowered_token = largest(-change, N_MOVED)
    return {
        "ablation_kl": -(before.exp() * change).sum(-1, keepdim=True).clamp_max(0),
        "ablation_raised_value": raised,
        "ablation_raised_token": raised_token,
        "ablation_lowered_value": -lowered,
        "ablation_lowered_token": lowered_token,
    }
