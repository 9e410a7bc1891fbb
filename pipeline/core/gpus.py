"""Kinds of GPU as their makers describe them, and what work would take there: derived, not measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """Peak float32 products in 10^12 a second (not TF32, which is switched off), memory bandwidth in
    10^9 bytes a second, and memory in GiB."""

    name: str
    tflops: float
    bandwidth: float
    memory: int


# From the makers' data sheets, as of 2025.
GPUS = (
    Gpu("T4", 8.1, 320.0, 16),
    Gpu("L4", 30.3, 300.0, 24),
    Gpu("A10", 31.2, 600.0, 24),
    Gpu("L40S", 91.6, 864.0, 48),
    Gpu("RTX 4090", 82.6, 1008.0, 24),
    Gpu("A100 80GB", 19.5, 2039.0, 80),
    Gpu("H100 SXM", 67.0, 3350.0, 80),
    Gpu("H200 SXM", 67.0, 4800.0, 141),
)
COMPUTE, MEMORY = 0.5, 0.7  # shares of either peak that long products and copies are taken to reach


def seconds(gpu: Gpu, flops: float | int, n_bytes: float | int) -> float:
    """The longer of computing and of moving what is computed on."""
    return max(flops / (gpu.tflops * 1e12 * COMPUTE), n_bytes / (gpu.bandwidth * 1e9 * MEMORY))
