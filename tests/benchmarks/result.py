"""What a measurement hands back, and how two runs compare."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Result:
    """One measured quantity.

    Attributes:
        name: what was measured, "epoch/ciao/paper".
        unit: "s", "MB", "ties/s", "x" (a ratio), "" (a bare number).
        samples: one number per repeat.
        better: whether less or more of it is good.
        required, aim: limits that were set for it, None where there are none.
        note: what a reader must know beside it.
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    better: Literal["less", "more"] = "less"
    required: float | None = None
    aim: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """Return the median of the samples."""
        return statistics.median(self.samples)

    @property
    def met(self) -> bool | None:
        """Whether the median is within the required limit; None without one."""
        if self.required is None:
            return None
        return self.median <= self.required if self.better == "less" else self.median >= self.required

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, median and spread included."""
        return {
            "unit": self.unit,
            "median": self.median,
            "spread": [min(self.samples), max(self.samples)],
            "samples": list(self.samples),
            "better": self.better,
            "required": self.required,
            "aim": self.aim,
            "note": self.note,
        }


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes:
        device: "cpu" or "cuda".
        repeats: rounds of every interleaved comparison.
        clock: "wall", or "cpu" (the process's own time) where others load the machine.
        threads: of every measured process.
        sizes: users of the generated graphs.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    repeats: int = 5
    clock: Literal["wall", "cpu"] = "wall"
    threads: int = 1
    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Measurement:
    """A named thing to measure.

    Attributes:
        name: what --only takes.
        about: one line.
        run: measures and returns results.
        devices: where it makes sense.
    """

    name: str
    about: str
    run: Callable[[Settings], list[Result]]
    devices: tuple[str, ...] = field(default=("cpu", "cuda"))


def ratios(
    name: str, slow: Sequence[float], fast: Sequence[float], required: float | None = None, aim: float | None = None
) -> Result:
    """Return how many times less ``fast`` is than ``slow``, round by round."""
    samples = tuple(a / b for a, b in zip(slow, fast, strict=True))
    return Result(name=name, unit="x", samples=samples, better="more", required=required, aim=aim)


def regressions(
    new: dict[str, dict[str, Any]], old: dict[str, dict[str, Any]], same_machine: bool, tolerance: float
) -> list[str]:
    """Return a line for every result that is worse than before by more than the factor ``tolerance``.

    On another machine only ratios, bare numbers and memory can be compared.
    """
    lines = []
    for name in sorted(new.keys() & old.keys()):
        now, before = new[name], old[name]
        if now["unit"] not in ("x", "", "MB") and not same_machine:
            continue
        worse = now["median"] / before["median"] if now["better"] == "less" else before["median"] / now["median"]
        if worse > tolerance:
            lines.append(
                f"{name}: {before['median']:.4g} -> {now['median']:.4g} {now['unit']}, {worse:.2f} times worse"
            )
    return lines
