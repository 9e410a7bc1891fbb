"""Where in the residual stream units read and write, along which directions, and who comes before whom."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from feature_atlas.address import HookPoint
from pipeline.core.dictionaries import Dictionary
from pipeline.core.inputs import processing_of
from pipeline.core.model import SubjectModel
from pipeline.core.shape import Shape

# Moments of a layer: when a point shows the stream, and when what is written at a point is in it. An SAE of
# the stream writes just after it has read: what reads the same stream through a norm comes later, another SAE
# of it does not.
STEPS = 4
_READS = {"resid_pre": 0, "ln1_out": 1, "resid_mid": 2, "ln2_out": 3, "mlp_post": 3, "resid_post": 4}
_WRITES = {"attn_z": 2, "attn_out": 2, "mlp_post": 4, "mlp_out": 4}
_WRITES |= {point: _READS[point] + 1 for point in ("resid_pre", "resid_mid", "resid_post")}
# What is added to the stream there. Its SAEs read that alone.
_ADDS = {"attn_z": "attn_out", "attn_out": "attn_out", "mlp_post": "mlp_out", "mlp_out": "mlp_out"}


def read_at(dictionary: Dictionary, shape: Shape) -> int | None:
    """The moment whose stream its latents read; None if they read something else.

    Neurons read through W_in what `ln2_out` shows; an SAE of `mlp_post` reads the neurons.
    """
    point = dictionary.hook_in.point
    if point not in _READS or (point == "mlp_post" and dictionary.kind != "neurons"):
        return None
    through = "ln1_out" if shape.parallel and point in ("ln2_out", "mlp_post") else point
    return STEPS * dictionary.hook_in.layer + _READS[through]


def feeds(writer: Dictionary, reader: Dictionary, shape: Shape) -> bool:
    """Whether what latents of `writer` write is in what those of `reader` read, and they come before them."""
    written, moment = writer.hook_out, read_at(reader, shape)
    if written.point not in _WRITES:
        return False
    if moment is not None:
        return STEPS * written.layer + _WRITES[written.point] <= moment
    return writer.hook_in != reader.hook_in and reader.hook_in in _added(writer)


def heads_feed(layer: int, reader: Dictionary, shape: Shape) -> bool:
    """Whether what heads of a layer write is in what latents read."""
    moment = read_at(reader, shape)
    if moment is None:
        return reader.hook_in == HookPoint("attn_out", layer)
    return STEPS * layer + _WRITES["attn_out"] <= moment


def read_directions(dictionary: Dictionary, model: SubjectModel) -> Float[Tensor, "latent d"]:
    """The direction along which each latent's h grows: its column of W_enc, of W_in for neurons.

    Where a norm lies between the residual stream and what is read, its gain is in it and the mean is
    taken off; its scale, a number for each position, is left out, and so is that of the dictionary's own
    normalization. [latent, d_model], or wide as the hook point, if no stream is read.
    """
    point, processing = dictionary.hook_in, processing_of(dictionary)
    ln1, ln2 = model.norms(point.layer)
    norm = {"ln1_out": ln1, "ln2_out": ln2}.get(point.point)
    if dictionary.W_enc is None:
        W, norm = model.neuron_reads(point.layer), ln2
    else:
        W = dictionary.W_enc.to(model.device)
    if dictionary.normalization == "layer_norm" or processing.centres(point):
        W = _centred(W)
    if norm is not None:
        W = W if processing.fold_norms else norm.gain[:, None] * W
        W = W if norm.rms else _centred(W)
    return W.T.contiguous()


def write_directions(
    writer: Dictionary, reader: Dictionary, model: SubjectModel
) -> Float[Tensor, "latent d_model"]:
    """What a unit of activation of each latent adds to the residual stream, of that what `reader` reads.

    Of a cross-layer transcoder these are the writes to the MLP outputs that the reader sees.
    """
    matrix = model.write_matrix(writer.hook_out)
    assert matrix is not None, writer.id
    if writer.W_dec is None:
        return matrix
    W = writer.W_dec if writer.writes is None else _seen(writer, reader, model.shape)
    return W.to(model.device) @ matrix


def _centred(W: Float[Tensor, "d_in latent"]) -> Float[Tensor, "d_in latent"]:
    """(x - mean) . w = x . (w - mean)"""
    return W - W.mean(dim=0)


def _seen(writer: Dictionary, reader: Dictionary, shape: Shape) -> Float[Tensor, "latent d_out"]:
    assert writer.writes is not None
    moment, points = read_at(reader, shape), _added(writer)
    if moment is None:
        return writer.writes[:, points.index(reader.hook_in)]
    n = sum(STEPS * point.layer + _WRITES[point.point] <= moment for point in points)
    return writer.writes[:, :n].sum(dim=1)


def _added(writer: Dictionary) -> list[HookPoint]:
    """The points at which what its latents write is added to the stream."""
    point, layer = writer.hook_out.point, writer.hook_out.layer
    n = 1 if writer.writes is None else writer.writes.shape[1]
    return [HookPoint(_ADDS[point], layer + k) for k in range(n)] if point in _ADDS else []
