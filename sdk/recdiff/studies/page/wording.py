"""Numbers as people read them, and sentences whose words follow from the numbers."""

from __future__ import annotations

from collections.abc import Sequence


def digits(value: float) -> str:
    """Return a metric with four decimals and no leading zero: .0705."""
    text = f"{value:.4f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def signed(value: float) -> str:
    """Return a difference of metrics with its sign: +.0012; what rounds to nothing has none."""
    if abs(value) < 0.00005:
        return ".0000"
    return ("+" if value >= 0 else "") + digits(value)


def percent(share: float, places: int = 1) -> str:
    """Return a share as a signed percentage: +3.2 %."""
    return f"{100 * share:+.{places}f} %"


def interval(low: float, high: float) -> str:
    """Return an interval of differences: [-.0010, +.0030]."""
    return f"[{signed(low)}, {signed(high)}]"


def p_value(p: float) -> str:
    """Return a p value for a table: .012, < .001, 1."""
    if p < 0.001:
        return "< .001"
    return "1" if p >= 0.9995 else f"{p:.3f}".replace("0.", ".", 1)


def p_said(p: float) -> str:
    """Return a p value for a sentence: "p = .012", "p < .001"."""
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def seconds(value: float) -> str:
    """Return a duration with three significant digits and its unit."""
    for size, unit in ((1.0, "s"), (1e-3, "ms")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} µs"


def short(value: float) -> str:
    """Return a count for an axis: 962, 7.7k, 93k, 1.2M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.2g}{unit}" if value < 100 * size else f"{value / size:.0f}{unit}"
    return f"{value:.3g}"


def listed(words: Sequence[str]) -> str:
    """Return "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def compared(ratio: float) -> str:
    """Return a ratio of durations as "2.4 times as long as" or "3.1 times as fast as"."""
    return f"{ratio:.1f} times as long as" if ratio >= 1 else f"{1 / ratio:.1f} times as fast as"


def verdict(low: float, high: float) -> str:
    """Say what an interval of a paired difference means: "better", "worse" or "not told apart"."""
    if low > 0:
        return "better"
    return "worse" if high < 0 else "not told apart"
