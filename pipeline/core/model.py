"""The subject model and its activations at hook points. The only file that knows `transformers`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import transformers
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask
from transformers.utils import logging as transformers_logging

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline.core.architectures import FAMILIES, TAP
from pipeline.core.attention import Attended, Tap, pattern, values
from pipeline.core.device import open_device
from pipeline.core.model_folder import ModelFolder
from pipeline.core.shape import Shape
from pipeline.core.weights import HeadWeights, Norm, head_weights, matrix, norm

Read = Callable[[Int[Tensor, "window pos"]], dict[HookPoint, Float[Tensor, "window ..."]]]
Replacement = Callable[
    [Mapping[HookPoint, Float[Tensor, "window pos _"]], Float[Tensor, "window pos width_out"]],
    Float[Tensor, "window pos width_out"],
]


ATTENTION = "feature_atlas"  # name by which transformers knows `_attend`


class SubjectModel:
    """A model in float32 and evaluation mode, which tells its activations at any hook point."""

    def __init__(self, model: PreTrainedModel, device: str = "cpu") -> None:
        self.network: Any = model.eval().float()
        self.device = open_device(device)
        self.network.to(self.device)
        self.config: Any = model.config
        self.family = FAMILIES[self.config.model_type]
        self.shape = Shape.of(self.family, self.config.to_dict(), self.family.architecture)
        self._value_biases: dict[tuple[int, bool], Tensor | None] = {}
        _use_fused_gelu(self.network)
        for block in self.blocks:
            setattr(block.get_submodule(self.family.attn), TAP, Tap())
        self.network.set_attn_implementation(ATTENTION)

    @classmethod
    def load(cls, folder: ModelFolder, device: str = "cpu") -> SubjectModel:
        """Loads the weights.

        Raises InputError if the weights do not fit the configuration, not all are there (`transformers`
        would draw the others at random), or there is no such device.
        """
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        files = ", ".join(path.name for path in folder.weight_files)
        try:
            model, told = getattr(transformers, folder.family.architecture).from_pretrained(
                folder.path,
                dtype=torch.float32,
                attn_implementation="sdpa",
                local_files_only=True,
                output_loading_info=True,
            )
        except Exception as error:  # transformers raises OSError, ValueError, RuntimeError and others
            reason = " ".join(str(error).split())[:300]
            raise InputError(f"can't load {files} of {folder.path}: {reason}; get the model again") from error
        if lacking := sorted(told["missing_keys"]):
            raise InputError(
                f"{files} of {folder.path}: no {lacking[0]} ({len(lacking)} parameters lacking); get the"
                f" model again, as a {folder.family.architecture}"
            )
        return cls(model, device)

    @classmethod
    def drawn(cls, folder: ModelFolder, n_layers: int) -> SubjectModel:
        """Random weights of the sizes in config.json, in `n_layers` layers: what stands in for weights that
        are not there where only their cost is asked for."""
        kind = getattr(transformers, folder.family.architecture)
        config = {**folder.config, folder.family.keys["n_layers"]: n_layers}
        return cls(kind(kind.config_class.from_dict(config)))

    @staticmethod
    def n_parameters(folder: ModelFolder) -> int:
        """Numbers of the weights that config.json calls for; none are made."""
        kind = getattr(transformers, folder.family.architecture)
        with torch.device("meta"):
            made = kind(kind.config_class.from_dict(folder.config))
        return sum(each.numel() for each in made.parameters())

    @property
    def n_layers(self) -> int:
        """Transformer blocks."""
        return self.shape.n_layers

    @property
    def blocks(self) -> Any:
        """The transformer blocks, a list that can be cut."""
        return self.network.get_submodule(self.family.blocks)

    def width(self, point: HookPoint) -> int:
        """Length of the activation vector at a hook point; AddressError if it has none."""
        return self.shape.width(point)

    def cut_after(self, points: Iterable[HookPoint]) -> None:
        """Drops the blocks that none of `points` needs; logits are not to be had from then on."""
        deepest = max(point.layer for point in points)
        del self.blocks[deepest + 1 :]

    def activations(
        self, windows: Int[Tensor, "window pos"], points: Iterable[HookPoint]
    ) -> dict[HookPoint, Float[Tensor, "window ..."]]:
        """One forward pass; each point's activations, [window, pos, width].

        `attn_z` has its heads concatenated; `attn_v` is [window, head, pos, d_head], `attn_pattern`
        [window, head, query, key]. Padding at the end of a window changes nothing before it, since
        attention is causal.
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
            self.network.base_model(windows.to(self.device), use_cache=False)
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
    def replacing(
        self, read: Iterable[HookPoint], written: HookPoint, replacement: Replacement
    ) -> Generator[None]:
        """While open, every forward pass goes on with `replacement(acts, y)` in place of y.

        `acts` are the activations at `read`, y that at `written`, which must be the same place or a later
        one; all are [window, pos, width].
        """
        here = threading.local()
        here.caught = {}
        handles = [*(self._catch(point, here) for point in read), self._replace(written, here, replacement)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def write_matrix(self, point: HookPoint) -> Float[Tensor, "width d_model"] | None:
        """What carries a vector at `point` to the residual stream: W_out, W_O, the identity; else None."""
        self.shape.check(point)
        block = self.blocks[point.layer]
        if point.point in ("attn_z", "mlp_post"):
            return matrix(block.get_submodule(self.family.points[point.point][0]))
        if point.point in ("ln1_out", "ln2_out", "attn_pattern", "attn_v"):
            return None
        return torch.eye(self.shape.d_model, device=self.device)

    def neuron_reads(self, layer: int) -> Float[Tensor, "d_model d_mlp"]:
        """What each neuron of a layer reads of `ln2_out` before its nonlinearity; of a gated one its gate."""
        return matrix(self.blocks[layer].get_submodule(self.family.mlp_read))

    @property
    def unembedding(self) -> Float[Tensor, "d_model d_vocab"]:
        """The final norm's gain times W_U: direct effect of the final residual stream on the logits."""
        gain = self.network.get_submodule(self.family.final_norm).weight
        return gain[:, None] * self.network.get_output_embeddings().weight.T

    @property
    def embedding(self) -> Float[Tensor, "d_vocab d_model"]:
        """W_E: what each token type puts into the residual stream; positions are not in it."""
        return self.network.get_input_embeddings().weight.detach()

    def head_weights(self, layer: int) -> HeadWeights:
        """What the heads of a layer read and write."""
        return head_weights(self.blocks[layer], self.family, self.shape)

    def value_bias(self, layer: int, norm_folded: bool) -> Float[Tensor, "head d_head"] | None:
        """b_V; with `norm_folded` also what the bias of `ln1` adds to the values. Computed once."""
        if (layer, norm_folded) not in self._value_biases:
            heads, (ln1, _) = self.head_weights(layer), self.norms(layer)
            parts = [heads.b_V, ln1.bias @ heads.W_V if norm_folded and ln1.bias is not None else None]
            told = [part for part in parts if part is not None]
            self._value_biases[layer, norm_folded] = torch.stack(told).sum(0) if told else None
        return self._value_biases[layer, norm_folded]

    def norms(self, layer: int) -> tuple[Norm, Norm]:
        """What lies between a layer's `resid_pre` and `ln1_out`, and before its `ln2_out`."""
        block = self.blocks[layer]
        ln1, ln2 = (block.get_submodule(name) for name in (self.family.ln1, self.family.ln2))
        return norm(ln1, self.family.rms), norm(ln2, self.family.rms)

    def _module(self, point: HookPoint) -> tuple[nn.Module, str]:
        """The module that a hook point belongs to, and which side of it."""
        self.shape.check(point)
        name, side = self.family.points[point.point]
        return self.blocks[point.layer].get_submodule(name), side

    def _replace(
        self,
        written: HookPoint,
        here: threading.local,
        replacement: Replacement,
    ) -> Any:
        def new_input(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            return (replacement(here.caught, args[0]), *args[1:])

        def new_output(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
            if isinstance(output, tuple):
                return (replacement(here.caught, output[0]), *output[1:])
            return replacement(here.caught, output)

        module, side = self._module(written)
        if side == "input":
            return module.register_forward_pre_hook(new_input)
        return module.register_forward_hook(new_output)

    def _catch(self, point: HookPoint, into: threading.local) -> Any:
        module, side = self._module(point)
        if side == "output":
            return module.register_forward_hook(partial(_keep_output, point, into))
        return module.register_forward_pre_hook(partial(_keep_input, point, into, _TAKEN[side]))


# Side of a module -> what of its first argument is the activation there.
_TAKEN: dict[str, Callable[[Any], Tensor]] = {"input": lambda x: x, "pattern": pattern, "values": values}


def _keep_input(
    point: HookPoint,
    into: threading.local,
    taken: Callable[[Any], Tensor],
    _: nn.Module,
    args: tuple[Any, ...],
) -> None:
    into.caught[point] = taken(args[0])


def _keep_output(
    point: HookPoint, into: threading.local, _: nn.Module, args: tuple[Any, ...], output: Any
) -> None:
    into.caught[point] = output[0] if isinstance(output, tuple) else output


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """torch's fused attention, as `transformers` calls it; the module's tap sees what it is given.

    A pattern is computed a second time, for whoever hooks the tap: the fused kernel keeps none.
    """
    getattr(module, TAP)(Attended(query, key, value, attention_mask, scaling))
    return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)


AttentionInterface.register(ATTENTION, _attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)


def _use_fused_gelu(network: nn.Module) -> None:
    """`gelu_new` as one kernel: the same function, where Hugging Face's takes eight passes over memory."""
    for module in network.modules():
        for name, child in module.named_children():
            if type(child).__name__ == "NewGELUActivation":
                setattr(module, name, nn.GELU(approximate="tanh"))
