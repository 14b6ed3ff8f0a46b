"""Settings say themselves between which values they make sense."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from recdiff.errors import UsageError


def expect(
    settings: Any,
    section: str,
    names: Sequence[str],
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> None:
    """Refuse a setting of ``settings`` that is no finite number or out of bounds; None is left to the data.

    Raises:
        UsageError: naming the setting, its value and what is expected.
    """
    for name in names:
        value = getattr(settings, name)
        if value is None:
            continue
        fits = math.isfinite(value) and all(
            (
                least is None or value >= least,
                above is None or value > above,
                most is None or value <= most,
                below is None or value < below,
            )
        )
        if not fits:
            words = {"at least": least, "more than": above, "at most": most, "less than": below}
            said = " and ".join(f"{word} {bound:g}" for word, bound in words.items() if bound is not None)
            finite = "" if math.isfinite(value) else ", and finite"
            raise UsageError(f"{section}{name} = {value!r}: expected {said}{finite}")
