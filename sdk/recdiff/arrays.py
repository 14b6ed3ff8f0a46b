"""Names for the kinds of arrays that signatures speak of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Half = NDArray[np.float16]
Int64 = NDArray[np.int64]
Positions = NDArray[np.signedinteger]
"""Of the narrowest type that holds them, int32 nearly always."""
Mask = NDArray[np.bool_]
