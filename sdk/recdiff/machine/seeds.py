"""Seeds of the parts of a computation: what one part draws says nothing of what another draws."""

from __future__ import annotations

import numpy as np


def seeds_of(seed: int | np.random.SeedSequence, parts: int) -> list[int]:
    """Return a seed below 2^32 for each of ``parts`` parts; the same ``seed``, not drawn from before, gives the same.

    Args:
        seed: at least 0.
    """
    sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    return [int(each.generate_state(1, np.uint32)[0]) for each in sequence.spawn(parts)]
