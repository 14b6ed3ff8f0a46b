"""The social graph a cell is fitted on: as given, or changed on purpose, from a small JSON-able description.

{"kind": "given"} · {"kind": "uniform" or "degree", "share": x}: that share of the edges replaced by fakes of this kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recdiff.data.dataset import SocialDataset
from recdiff.errors import UsageError
from recdiff.fakes.injection import corrupt

GIVEN: Mapping[str, Any] = {"kind": "given"}


@dataclass(frozen=True, eq=False)
class Changed:
    """A data set with the edges of a cell.

    Attributes:
        dataset: as given but for its edges.
        is_fake: (E,) which of its edges were put there.
    """

    dataset: SocialDataset
    is_fake: NDArray[np.bool_]


def changed(dataset: SocialDataset, change: Mapping[str, Any], seed: int) -> Changed:
    """Return ``dataset`` with its edges changed; equal seeds change them alike.

    Raises:
        UsageError: the kind of change is unknown.
    """
    if change == GIVEN:
        return Changed(dataset, np.zeros(len(dataset.edges), np.bool_))
    if change["kind"] not in ("uniform", "degree"):
        raise UsageError(f"change of edges {change['kind']!r}: accepted are given, uniform, degree")
    rng = np.random.default_rng(seed)
    made = corrupt(dataset.graph, kind=change["kind"], share=change["share"], mode="replace", rng=rng)
    return Changed(dataset.replace_edges(made.edges), made.is_fake)
