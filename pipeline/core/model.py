"""The subject model and its activations at hook points. The only file that knows `transformers`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import GPT2LMHeadModel
from transformers.utils import logging as transformers_logging

from feature_atlas.address import HookPoint
from feature_atlas.errors import AddressError, InputError
from pipeline.core.device import open_device
from pipeline.core.model_folder import ModelFolder

Read = Callable[[Int[Tensor, "window pos"]], dict[HookPoint, Float[Tensor, "window ..."]]]
Replacement = Callable[
    [Float[Tensor, "window pos width"], Float[Tensor, "window pos width_out"]],
    Float[Tensor, "window pos width_out"],
]


class SubjectModel:
    """A GPT-2 in float32 and evaluation mode, which tells its activations at any hook point."""

    def __init__(self, model: GPT2LMHeadModel, device: str = "cpu") -> None:
        self.network: Any = model.eval().float()
        self.device = open_device(device)
        self.network.to(self.device)
        self.config = model.config
        _use_fused_gelu(self.network)

    @classmethod
    def load(cls, folder: ModelFolder, device: str = "cpu", attention: str = "sdpa") -> SubjectModel:
        """Loads the weights. `attention="eager"` is needed for `attn_pattern`.

        Raises InputError if the weights do not fit the configuration or there is no such device.
        """
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        try:
            model = GPT2LMHeadModel.from_pretrained(
                folder.path, dtype=torch.float32, attn_implementation=attention, local_files_only=True
            )
        except Exception as error:  # transformers raises OSError, ValueError, RuntimeError and others
            reason = " ".join(str(error).split())[:300]
            files = ", ".join(path.name for path in folder.weight_files)
            raise InputError(f"can't load {files} of {folder.path}: {reason}; get the model again") from error
        return cls(model, device)

    @property
    def n_layers(self) -> int:
        """Transformer blocks."""
        return self.config.n_layer

    def width(self, point: HookPoint) -> int:
        """Length of the activation vector at a hook point that has one."""
        self.check(point)
        config = self.config
        return config.n_inner or 4 * config.n_embd if point.point == "mlp_post" else config.n_embd

    def check(self, point: HookPoint) -> None:
        """Raises AddressError if the model has no such layer."""
        if not 0 <= point.layer < self.n_layers:
            raise AddressError(f"{point}: the model has layers 0..{self.n_layers - 1}")

    def cut_after(self, points: Iterable[HookPoint]) -> None:
        """Drops the blocks that none of `points` needs; logits are not to be had from then on."""
        deepest = max(point.layer for point in points)
        self.network.transformer.h = self.network.transformer.h[: deepest + 1]

    def activations(
        self, windows: Int[Tensor, "window pos"], points: Iterable[HookPoint]
    ) -> dict[HookPoint, Float[Tensor, "window ..."]]:
        """One forward pass; each point's activations, [window, pos, width].

        `attn_z` has its heads concatenated; `attn_pattern` is [window, head, query, key]. Padding at
        the end of a window changes nothing before it, since attention is causal.
        """
        with self.catching(points) as read:
            return read(windows)

    @contextmanager
    def catching(self, points: Iterable[HookPoint]) -> Generator[Read]:
        """While open, the function that it gives does what `activations` does, in any number of threads."""
        here = threading.local()
        handles = [self._catch(point, here) for point in points]

        @torch.inference_mode()
        def read(windows: Int[Tensor, "window pos"]) -> dict[HookPoint, Float[Tensor, "window ..."]]:
            here.caught = {}
            self.network.transformer(windows.to(self.device), use_cache=False)
            return here.caught

        try:
            yield read
        finally:
            for handle in handles:
                handle.remove()

    @torch.inference_mode()
    def losses(self, windows: Int[Tensor, "window pos"]) -> Float[Tensor, "window next"]:
        """-log p(token | all before it in its window), in nats, of each window's second token and on."""
        windows = windows.to(self.device)
        logits = self.network(windows, use_cache=False).logits[:, :-1]
        return nn.functional.cross_entropy(
            logits.flatten(0, 1), windows[:, 1:].flatten(), reduction="none"
        ).view(len(windows), -1)

    @contextmanager
    def replacing(self, read: HookPoint, written: HookPoint, replacement: Replacement) -> Generator[None]:
        """While open, every forward pass goes on with `replacement(x, y)` in place of y.

        x is the activation at `read`, y that at `written`, which must be the same place or a later
        one; both are [window, pos, width].
        """
        here = threading.local()
        here.caught = {}
        handles = [self._catch(read, here), self._replace(read, written, here, replacement)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def write_matrix(self, point: HookPoint) -> Float[Tensor, "width d_model"] | None:
        """What carries a vector at `point` to the residual stream: W_out, W_O, the identity; else None."""
        block = self.network.transformer.h[point.layer]
        if point.point == "mlp_post":
            return block.mlp.c_proj.weight
        if point.point == "attn_z":
            return block.attn.c_proj.weight
        if point.point in ("ln1_out", "ln2_out", "attn_pattern"):
            return None
        return torch.eye(self.config.n_embd, device=self.device)

    @property
    def unembedding(self) -> Float[Tensor, "d_model d_vocab"]:
        """The final norm's gain times W_U: direct effect of the final residual stream on the logits."""
        gain = self.network.transformer.ln_f.weight
        return gain[:, None] * self.network.lm_head.weight.T

    def _module(self, point: HookPoint) -> tuple[nn.Module, str]:
        """The module that a hook point belongs to, and which side of it."""
        self.check(point)
        name, side = _MODULES[point.point]
        return self.network.transformer.h[point.layer].get_submodule(name), side

    def _replace(
        self,
        read: HookPoint,
        written: HookPoint,
        here: threading.local,
        replacement: Replacement,
    ) -> Any:
        def new_input(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            return (replacement(here.caught[read], args[0]), *args[1:])

        def new_output(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
            if isinstance(output, tuple):
                return (replacement(here.caught[read], output[0]), *output[1:])
            return replacement(here.caught[read], output)

        module, side = self._module(written)
        if side == "input":
            return module.register_forward_pre_hook(new_input)
        return module.register_forward_hook(new_output)

    def _catch(self, point: HookPoint, into: threading.local) -> Any:
        module, side = self._module(point)
        if side == "input":
            return module.register_forward_pre_hook(partial(_keep_input, point, into))
        if point.point == "attn_pattern" and self.config._attn_implementation != "eager":
            raise InputError("attn_pattern needs the model loaded with attention='eager'")
        return module.register_forward_hook(partial(_keep_output, point, into))


# Hook point -> module of a GPT-2 block, and which side of it.
_MODULES = {
    "resid_pre": ("", "input"),
    "ln1_out": ("ln_1", "output"),
    "attn_z": ("attn.c_proj", "input"),
    "attn_pattern": ("attn", "output"),
    "attn_out": ("attn", "output"),
    "resid_mid": ("ln_2", "input"),
    "ln2_out": ("ln_2", "output"),
    "mlp_post": ("mlp.c_proj", "input"),
    "mlp_out": ("mlp", "output"),
    "resid_post": ("", "output"),
}


def _keep_input(point: HookPoint, into: threading.local, _: nn.Module, args: tuple[Any, ...]) -> None:
    into.caught[point] = args[0]


def _keep_output(
    point: HookPoint, into: threading.local, _: nn.Module, args: tuple[Any, ...], output: Any
) -> None:
    part = 1 if point.point == "attn_pattern" else 0
    into.caught[point] = output[part] if isinstance(output, tuple) else output


def _use_fused_gelu(network: nn.Module) -> None:
    """`gelu_new` as one kernel: the same function, where Hugging Face's takes eight passes over memory."""
    for module in network.modules():
        act = getattr(module, "act", None)
        if type(act).__name__ == "NewGELUActivation":
            module.act = nn.GELU(approximate="tanh")
