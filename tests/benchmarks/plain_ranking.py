"""An evaluation as the published code does it: a dense float64 score matrix is masked, users are walked one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from recdiff.studies.lab.unoptimised import PlainModel


def evaluate(
    model: PlainModel, train: sp.csr_matrix, held: sp.csr_matrix, k: int = 20, block: int = 1024
) -> tuple[float, float]:
    """Return Recall@k and NDCG@k on ``held`` (U, I), training items masked, over users with held-out items."""
    user, item = model.embeddings()
    gains: list[tuple[float, float]] = []
    users = np.flatnonzero(np.diff(held.indptr))
    for start in range(0, len(users), block):
        chosen = users[start : start + block]
        mask = torch.as_tensor(train[chosen].toarray().astype(np.float64), device=user.device)
        scores = user[torch.as_tensor(chosen, device=user.device)] @ item.T
        masked = scores * (1 - mask) - mask * 1e8
        top = torch.topk(masked, k).indices.cpu().numpy()
        gains.extend(_gains(top, [held.indices[held.indptr[u] : held.indptr[u + 1]] for u in chosen], k))
    recall, ndcg = zip(*gains, strict=True)
    return float(np.mean(recall)), float(np.mean(ndcg))


def _gains(top: NDArray[np.int64], wanted: list[NDArray[np.int32]], k: int) -> Iterator[tuple[float, float]]:
    for ranked, held in zip(top.tolist(), wanted, strict=True):
        targets = held.tolist()
        found = [place for place, item in enumerate(ranked) if item in targets]
        best = sum(1 / math.log2(place + 2) for place in range(min(k, len(targets))))
        yield len(found) / len(targets), sum(1 / math.log2(place + 2) for place in found) / best
