"""An estimate as tables in the terminal."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console
from rich.table import Table


def print_estimate(told: dict[str, Any], console: Console | None = None) -> None:
    """What `Estimate.to_json` gives."""
    out = console or Console()
    bound = "" if told["counted"] else ", at most: max_tokens, not counted"
    out.print(f"{told['tokens']:,} tokens in {told['windows']:,} windows{bound}")
    stages = Table("stage", "operations", "time on this machine", title="by stage")
    for name, seconds in told["seconds"].items():
        flops = told["flops"].get(name)
        unknown = name == "tokens" and not told["counted"]
        stages.add_row(
            name, "" if not flops else f"{flops:.2e}", "not told" if unknown else duration(seconds)
        )
    stages.add_row("all", f"{told['total_flops']:.2e}", duration(told["total_seconds"]))
    out.print(stages)
    stores = Table("store", "size", title="the atlas")
    for name, size in told["store_bytes"].items():
        stores.add_row(name, n_bytes(size))
    stores.add_row("all", n_bytes(told["total_store_bytes"]))
    out.print(stores)
    out.print(f"work folder {n_bytes(told['work_bytes'])}, read {n_bytes(told['read_bytes'])} of weights")
    out.print(f"memory at its peak {n_bytes(told['peak_memory'])}")
    out.print(
        f"storage {told['storage_per_month']:.2f} USD a month, at {told['price']} USD a GB (hot object"
        " storage as listed in 2025; --price gives another)"
    )
    gpus = Table("one GPU", "hours", caption="derived, not measured")
    for name, hours in told["gpu_hours"].items():
        gpus.add_row(name, f"{hours:,.2f}")
    out.print(gpus)
    out.print(
        f"beside it {told['host_hours']:,.2f} h of work for the CPU, as fast as the {os.cpu_count()} cores"
        " here: counting, in the scan while the GPU goes on; maps; writing"
    )
    out.print(f"a GPU holds the model and one dictionary: {n_bytes(told['gpu_memory'])}, and the activations")


def duration(seconds: float | int) -> str:
    """In the largest unit that it has one of."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.1f} s"


def n_bytes(size: float | int) -> str:
    """In decimal units."""
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= length:
            return f"{size / length:,.2f} {unit}"
    return f"{size / 1e3:,.1f} kB"
