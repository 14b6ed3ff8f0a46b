"""Random walks of three steps, user to item to user to item (Cooper et al., 2014; Paudel et al., 2017), as a table.

Letters: U users, I items, K items kept of each, d a degree.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Float32
from recdiff.blend.item_table import KEPT, ItemTable

# Products of entries that a block of items may take: bounds memory at about 100 MB.
_BLOCK_PRODUCTS = 2**23


def walk_table(train: sp.csr_matrix, alpha: float, beta: float, count: int = KEPT) -> ItemTable:
    """Return from each item the walk over its users to their other items: RP3beta without the first step.

    weight(i, j) = sum over users u of both of (1 / (d_i d_u)) ** alpha / d_j ** beta. The first step, from a user to
    an item, is the same for all items of a user.

    Args:
        train: (U, I), entries 1.
        count: K.
    """
    return ItemTable.of_rows(_rows(sp.csr_matrix(train), alpha, beta), count)


def _rows(train: sp.csr_matrix, alpha: float, beta: float) -> Iterator[tuple[NDArray[np.int32], Float32]]:
    users, items = (np.asarray(train.sum(axis=axis), np.float64).ravel() for axis in (1, 0))
    back = sp.csr_matrix(sp.diags_array(_inverse(items, alpha)) @ train.T)
    ahead = sp.csr_matrix(
        sp.diags_array(_inverse(users, alpha)) @ train @ sp.diags_array(_inverse(items, beta)), dtype=np.float32
    )
    work = np.cumsum(train.T @ users)
    cuts = np.searchsorted(work, np.arange(_BLOCK_PRODUCTS, work[-1], _BLOCK_PRODUCTS))
    for first, last in zip([0, *cuts], [*cuts, len(items)], strict=True):
        block = sp.csr_matrix(back[first:last] @ ahead, dtype=np.float32)
        for row, item in enumerate(range(first, last)):
            span = slice(block.indptr[row], block.indptr[row + 1])
            order = np.argsort(block.indices[span])
            reached, weights = block.indices[span][order], block.data[span][order]
            weights[reached == item] = 0.0
            yield reached, weights


def _inverse(values: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    return np.where(values > 0, np.where(values > 0, values, 1.0) ** -power, 0.0)
