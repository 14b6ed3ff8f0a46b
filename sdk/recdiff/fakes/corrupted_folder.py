"""A data folder with injected fake edges: tables, their truth and a manifest of what was done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.data.dataset import SocialDataset
from recdiff.data.ids import Ids
from recdiff.errors import UsageError
from recdiff.fakes.injection import Mode, corrupt
from recdiff.storage.json_file import read_json
from recdiff.storage.whole import in_the_way, replaced_folder, writable

SOCIAL, INTERACTIONS, TRUTH, MANIFEST = "social.parquet", "interactions.parquet", "truth.parquet", "corruption.json"
NAMES = frozenset({SOCIAL, INTERACTIONS, TRUTH, MANIFEST})


def corrupt_folder(
    dataset: SocialDataset, folder: Path, *, kind: str, share: float, mode: Mode, seed: int
) -> dict[str, Any]:
    """Write ``dataset`` with injected fakes to ``folder`` and return the manifest.

    social.parquet and interactions.parquet (with the split as it is) can be fitted; truth.parquet says of each
    row of social.parquet whether it is_fake and of which kind.

    Raises:
        UsageError: for settings that make no sense, or a folder that holds something else.
        DataError: where the graph has no room for that many fakes.
    """
    other = in_the_way(writable(folder), lambda entry: entry.name in NAMES, _is_corrupted)
    if other:
        raise UsageError(f"{folder} holds {other!r} and was not written by corrupt, so it stays; name another --out")
    rng = np.random.default_rng(seed)
    made = corrupt(dataset.graph, kind=kind, share=share, mode=mode, rng=rng)
    users = with_accounts(dataset.users, made.num_users - len(dataset.users))
    truth = _truth(made.edges, made.is_fake, users, kind, dataset.mirrored)
    manifest = {
        "kind": kind,
        "share": share,
        "mode": mode,
        "seed": seed,
        "directed": dataset.directed,
        "edges": len(made.edges),
        "fake_edges": int(made.is_fake.sum()),
        "new_accounts": made.num_users - len(dataset.users),
    }
    with replaced_folder(folder) as new:
        pq.write_table(truth.select(["src", "dst"]), new / SOCIAL)
        if len(dataset.items):
            pq.write_table(_interactions(dataset, users), new / INTERACTIONS)
        pq.write_table(truth, new / TRUTH)
        (new / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def _is_corrupted(folder: Path) -> bool:
    """Tell by its manifest whether ``folder`` was written here."""
    try:
        found = read_json(folder / MANIFEST)
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"kind", "share", "mode", "fake_edges"} <= set(found)


def with_accounts(users: Ids, count: int) -> pa.Array:
    """Return raw ids by position: those of ``users``, then ``count`` new ones of the same type."""
    if count == 0:
        return users.values
    if users.integers:
        new = pa.array(np.arange(1, count + 1) + int(users.values[-1].as_py()), pa.int64())
    else:
        taken, number = set(users.values.to_pylist()), 0
        names: list[str] = []
        while len(names) < count:
            number += 1
            if (name := f"account-{number}") not in taken:
                names.append(name)
        new = pa.array(names, pa.string())
    return pa.concat_arrays([users.values, new])


def _truth(edges: Int64, is_fake: NDArray[np.bool_], users: pa.Array, kind: str, mirrored: bool) -> pa.Table:
    if mirrored:
        edges, is_fake = np.concatenate([edges, edges[:, ::-1]]), np.tile(is_fake, 2)
    return pa.table(
        {
            "src": users.take(pa.array(edges[:, 0])),
            "dst": users.take(pa.array(edges[:, 1])),
            "is_fake": pa.array(is_fake),
            "kind": pa.array(np.where(is_fake, kind, "real")),
        }
    )


def _interactions(dataset: SocialDataset, users: pa.Array) -> pa.Table:
    parts = []
    for name in ("train", "validation", "test"):
        coo = getattr(dataset, name).tocoo()
        ids = {"user_id": users.take(pa.array(coo.row)), "item_id": dataset.items.take(coo.col)}
        parts.append(pa.table({**ids, "split": pa.array([name] * coo.nnz, pa.string())}))
    return pa.concat_tables(parts)
