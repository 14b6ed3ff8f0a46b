"""The number that formats with one weight per row carry."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from recdiff_adapters.error import OptionError
from recdiff_adapters.table import RECOMMENDATIONS, Pairs

WEIGHTS = ("one", "trust", "fake_score")


def row_weights(pairs: Pairs, weight: str) -> pa.ChunkedArray:
    """Return a float column: 1, ``1 - fake_score`` (trust) or fake_score for edges, score for recommendations.

    Raises OptionError for another word, AdapterError naming the row of an edge that has no fake_score.
    """
    if weight not in WEIGHTS:
        raise OptionError(f"weight {weight!r} is not known; it is one of {', '.join(WEIGHTS)}")
    if pairs.kind == RECOMMENDATIONS:
        return pairs.column("score")
    score = pairs.column("fake_score")
    if weight == "one":
        return pa.chunked_array([pa.repeat(pa.scalar(1.0, score.type), len(score))])
    pairs.refuse("fake_score", pc.is_null(score), f"weight={weight!r} needs a fake_score in every kept row")
    return score if weight == "fake_score" else pc.subtract(pa.scalar(1.0, score.type), score)
