"""Who scans the units: this process, or the workers of a Ray cluster. No outcome depends on it."""

from __future__ import annotations

from dataclasses import dataclass

from feature_atlas.errors import InputError

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Engine:
    """`workers` of Ray, by default one for each GPU or machine; `address` of a cluster, else one is begun."""

    name: str = "local"
    workers: int | None = None
    address: str | None = None

    @classmethod
    def of(cls, name: str, workers: int | None, address: str | None) -> Engine:
        """Checks what was given; InputError if it does not go together."""
        if name not in ENGINES:
            raise InputError(f"--engine is {name!r}; give one of: {', '.join(ENGINES)}")
        if name != "ray" and (workers is not None or address is not None):
            raise InputError("--workers and --address are for --engine ray: give that too, or leave them out")
        if workers is not None and workers < 1:
            raise InputError(f"--workers is {workers}; give 1 or more, or leave it out")
        return cls(name, workers, address)


LOCAL = Engine()
