"""`docs/performance.md`: each benchmark writes its own section; the scan's is written here."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[1] / "docs" / "performance.md"
CORE = {3_072: 1.08, 24_576: 1.12, 98_304: 1.20}

_HEAD = """## Building

Written by `python -m benchmarks.scan`. Ratios of CPU seconds in one run, to the work that can't be avoided:
the median of three rounds, the lowest and the highest in brackets. The work is made from a seed: a random
GPT-2 (6 layers of 384; for the pass over many dictionaries 12 of 768), ReLU SAEs whose latents fire on 1 %
of tokens, windows of 128 tokens.

| what | over | measured | budget |
|---|---|---|---|
"""

_TAIL = """
The core statistics are all that is exact: counts, moments, extremes, histogram, top examples, samples. The
tables are fires-on and co-firing, the search for partners in the sample included; here all of the corpus is
sample, so a longer one costs less.

What SAEDashboard takes for the same work, measured beside ours: `benchmarks/peers/README.md`.
"""


def write_report(found: dict[str, Any]) -> None:
    """Writes the section of the scan."""
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows(found))
    write_section("scan", f"{_HEAD}{table}\n{machine()}\n{_TAIL}")


def write_section(name: str, text: str, page: Path = PATH) -> None:
    """Puts the text in place of the page's section of that name; the sections of others stay."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, found, rest = page.read_text().partition(begin)
    assert found, f"{page} has no section {name}"
    page.write_text(f"{before}{begin}{text}{end}{rest.partition(end)[2]}")


def machine() -> str:
    """On what was measured, as a sentence."""
    return f"Measured on {os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}."


def rows(found: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """What, over what, measured, budget."""
    made: list[tuple[str, str, str, str]] = []
    bare = "forward + the same products"
    for n, core in found["core_ratio"].items():
        made.append((f"core statistics, {n:,} latents", bare, told(core), f"{CORE[n]:.2f}"))
        made.append((f"with the tables, {n:,} latents", bare, told(found["tables_ratio"][n]), "1.30"))
    build, many = found["whole_build_ratio"], f"{found['dictionaries_at_once']} dictionaries of 24,576"
    made += [
        ("all neurons, core statistics", "forward", told(found["neurons_ratio"]), "1.25"),
        ("all heads", "forward", told(found["heads_ratio"]), "1.25"),
        ("whole build, 3,072 latents, 64k tokens", "forward + encode", told(build), "2.0"),
        (f"{many} in one pass", bare, told(found["dictionaries_ratio"]), "1.15"),
        ("peak memory", "predicted", f"{found['peak_memory_over_predicted']:.3f}", "0.9 to 1.1"),
        ("bytes on disk, a latent", "", f"{found['bytes_per_latent']:,}", "6,500"),
        ("bytes on disk, a neuron", "", f"{found['bytes_per_neuron']:,}", "9,000"),
        ("bytes of state, a latent", "", f"{found['state_bytes_per_latent']:,}", ""),
        (f"peak memory, {many}", "", mebibytes(found["dictionaries_peak"]), ""),
    ]
    for tokens, peak in found["peak_memory_by_tokens"].items():
        made.append((f"peak memory, 24,576 latents, {tokens:,} tokens", "", mebibytes(peak), "flat"))
    return made


def told(ratio: dict[str, float]) -> str:
    """Median (lowest to highest)."""
    return f"{ratio['median']:.3f} ({ratio['lowest']:.3f} to {ratio['highest']:.3f})"


def mebibytes(size: int) -> str:
    """With the unit."""
    return f"{size / 2**20:,.0f} MiB"
