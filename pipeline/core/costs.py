"""Floating-point operations of the stages: pure functions of shapes. A product and a sum count as two.

What is counted is products of matrices, which nearly all of the time of a GPU goes to; norms, functions and
sums of a few numbers for each activation are left out.
"""

from __future__ import annotations

from pipeline.core.shape import Shape


def block_flops(shape: Shape, ctx: int, gated: bool) -> int:
    """Of one layer over one window: its five (of a gated MLP six) matrices, scores and weighted values."""
    attended, shared = shape.n_heads * shape.d_head, shape.n_kv_heads * shape.d_head
    matrices = shape.d_model * (2 * attended + 2 * shared + (3 if gated else 2) * shape.d_mlp)
    return 2 * ctx * matrices + 4 * ctx * ctx * attended


def forward_flops(shape: Shape, n_layers: int, ctx: int, gated: bool) -> int:
    """Of one window through the first `n_layers` layers, without logits."""
    return n_layers * block_flops(shape, ctx, gated)


def pattern_flops(shape: Shape, n_layers: int, ctx: int) -> int:
    """Of one window's patterns, which are computed a second time where heads are described."""
    return n_layers * 2 * ctx * ctx * shape.n_heads * shape.d_head


def logit_flops(shape: Shape, rows: int) -> int:
    """Of `rows` vectors of the stream through the unembedding."""
    return 2 * rows * shape.d_model * shape.d_vocab


def encode_flops(n_latents: int, d_in: int, tokens: int) -> int:
    """x @ W_enc."""
    return 2 * tokens * d_in * n_latents


def decode_flops(n_latents: int, d_out: int, tokens: int) -> int:
    """acts @ W_dec, all latents."""
    return 2 * tokens * n_latents * d_out


def describe_flops(shape: Shape, n_latents: int, d_in: int, d_out: int) -> int:
    """Logit effects by way of the stream, and cosines of all pairs of write and of read directions."""
    effects = 2 * n_latents * d_out * shape.d_model + logit_flops(shape, n_latents)
    return effects + 2 * n_latents**2 * (d_in + d_out)


def virtual_flops(shape: Shape, n_latents: int, n_partners: int) -> int:
    """Cosines of all pairs of a latent and a unit of its `n_partners` upstream and downstream."""
    return 2 * n_latents * n_partners * shape.d_model


def ablation_flops(shape: Shape, n_layers: int, ctx: int, gated: bool) -> int:
    """Of one example whose latent writes before the last `n_layers` layers: these, and two predictions at
    the peak and the 16 positions after it."""
    return forward_flops(shape, n_layers, ctx, gated) + logit_flops(shape, 2 * 17)


def quality_flops(
    shape: Shape, n_latents: int, d_in: int, d_out: int, n_windows: int, n_spliced: int, ctx: int, gated: bool
) -> int:
    """Of one dictionary: a pass with encode and decode, and two over the sample in which it is spliced in."""
    coded = encode_flops(n_latents, d_in, ctx) + decode_flops(n_latents, d_out, ctx)
    whole = forward_flops(shape, shape.n_layers, ctx, gated)
    return n_windows * (whole + coded) + n_spliced * (2 * (whole + logit_flops(shape, ctx)) + coded)
