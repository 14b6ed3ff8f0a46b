"""What people decided, as streamed edges obey it: the same as a cleaning of the fitted edges does.

Nothing here needs what a serving image leaves out, but for answers and decisions that lie within a model.
Letters: U users, E fitted edges, K edges, B pairs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recdiff.arrays import Int64, Mask
from recdiff.audit.decisions import ACCOUNT, EDGE, Decision, about_accounts, ends_of, positions
from recdiff.audit.verdict import is_fake_of
from recdiff.data.edge_stream import written_as
from recdiff.data.ids import Ids
from recdiff.errors import ArtifactError
from recdiff.graph.keys import keys_of
from recdiff.model.told import FAKE, REAL, SILENT, Told, Verdicts, fake_ends
from recdiff.storage.json_file import read_json
from recdiff.storage.manifest import BUNDLE

CALIBRATION = "calibration.json"
WITHIN = ("audit", "account_audit", "decisions", "account_decisions")
"""What a model's calibration has where people's words lie within the model."""


@dataclass(frozen=True, eq=False)
class Obeyed:
    """Verdicts about pairs of users.

    Attributes:
        fake: (U,) accounts that are fake: so are all their edges, but for those of ``keys``.
        keys: (K,) of edges about which something else was said, ascending. verdicts: (K,).
        strangers: ids, as spelled, of fake accounts that the model does not know.
        apart: verdicts about edges with an end that the model does not know, by the two ids.
        file: where decisions stand, seen from the output.
    """

    fake: Mask
    keys: Int64
    verdicts: Verdicts
    directed: bool
    strangers: frozenset[str] = frozenset()
    apart: Mapping[tuple[str, str], int] = field(default_factory=dict)
    file: str | None = None

    @classmethod
    def of(cls, decisions: Sequence[Decision], users: Ids, told: Told, pairs: Int64, *, directed: bool) -> Obeyed:
        """Take in ``decisions``, and what was ``told`` of the fitted edges ``pairs`` (E, 2) of a model."""
        anew, strong = bool(decisions), about_accounts(decisions, users)
        accounts = told.obeyed_accounts(strong, anew=anew)
        said = told.obeyed(pairs, fake_ends(pairs, strong), accounts, anew=anew)
        more = said != fake_ends(pairs, accounts)
        table = dict(zip(_keys(pairs[more], users, directed).tolist(), said[more].tolist(), strict=True))
        table |= _of_edges(decisions, users, directed)
        keys = np.array(sorted(table), np.int64)
        said = np.array([table[key] for key in keys.tolist()], np.int8)
        strangers, apart = _unknown_accounts(decisions, users), _of_unknown_edges(decisions, users, directed)
        return cls(accounts == FAKE, keys, said, directed, strangers=strangers, apart=apart)

    def about(self, src: Int64, dst: Int64, raw: tuple[pa.Array, pa.Array] | None = None) -> Verdicts:
        """Return what is obeyed of pairs of users, (B,): 1 fake, 0 real, -1 nothing.

        Args:
            src, dst: (B,) their positions, -1 for nobody known.
            raw: (B,) their ids, by which those whom nobody knows are told apart.
        """
        found: Verdicts = np.full(len(src), SILENT, np.int8)
        if self.fake.any():
            fake = np.append(self.fake, False)
            found[fake[src] | fake[dst]] = FAKE
        if len(self.keys):
            known = (src >= 0) & (dst >= 0)
            wanted = keys_of(np.where(known, src, 0), np.where(known, dst, 0), len(self.fake), self.directed)
            place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
            hit = known & (self.keys[place] == wanted)
            found[hit] = self.verdicts[place[hit]]
        unknown = np.flatnonzero((src < 0) | (dst < 0))
        if raw is not None and len(unknown) and (self.strangers or self.apart):
            ends = [written_as(side.take(pa.array(unknown)), pa.string()) for side in raw]
            self._by_ids(found, unknown, *ends)
        return found

    def _by_ids(self, found: Verdicts, rows: Int64, src: pa.Array, dst: pa.Array) -> None:
        """Put into ``found`` what is obeyed of ``rows``, whose ids are ``src`` and ``dst``."""
        fake = [_among(side, self.strangers) for side in (src, dst)]
        found[rows[fake[0] | fake[1]]] = FAKE
        named = _among(src, {end for ends in self.apart for end in ends})
        for place in np.flatnonzero(named).tolist():
            verdict = self.apart.get(_ends(src[place].as_py(), dst[place].as_py(), self.directed))
            if verdict is not None:
                found[rows[place]] = verdict

    @cached_property
    def digest(self) -> str:
        """What tells these verdicts from others."""
        parts = (self.fake, self.keys, self.verdicts)
        spelled = json.dumps([sorted(self.strangers), sorted(self.apart.items())]).encode()
        return hashlib.sha256(
            b"".join([*(np.ascontiguousarray(each).tobytes() for each in parts), spelled])
        ).hexdigest()


def _of_edges(decisions: Sequence[Decision], users: Ids, directed: bool) -> dict[int, int]:
    """Return what stands of edges themselves, by key."""
    told = [each for each in decisions if each.what == EDGE]
    ends = ends_of(told, users)
    known = (ends >= 0).all(axis=1)
    found: dict[int, int] = {}
    verdicts = [is_fake_of(told[place].verdict) for place in np.flatnonzero(known).tolist()]
    for key, fake in zip(_keys(ends[known], users, directed).tolist(), verdicts, strict=True):
        if fake is None:
            found.pop(key, None)
        else:
            found[key] = FAKE if fake else REAL
    return found


def _unknown_accounts(decisions: Sequence[Decision], users: Ids) -> frozenset[str]:
    """Return the ids of those that ``users`` lacks and that stand as fake."""
    told = {each.src: is_fake_of(each.verdict) for each in decisions if each.what == ACCOUNT}
    known = positions(users, list(told)).tolist()
    return frozenset(one for (one, fake), place in zip(told.items(), known, strict=True) if fake and place < 0)


def _of_unknown_edges(decisions: Sequence[Decision], users: Ids, directed: bool) -> dict[tuple[str, str], int]:
    """Return what stands of edges with an end that ``users`` lacks, by their ids."""
    told = [each for each in decisions if each.what == EDGE]
    unknown = (ends_of(told, users) < 0).any(axis=1)
    found: dict[tuple[str, str], int] = {}
    for place in np.flatnonzero(unknown).tolist():
        ends, fake = _ends(told[place].src, told[place].dst, directed), is_fake_of(told[place].verdict)
        if fake is None:
            found.pop(ends, None)
        else:
            found[ends] = FAKE if fake else REAL
    return found


def _ends(src: str, dst: str, directed: bool) -> tuple[str, str]:
    return (src, dst) if directed or src <= dst else (dst, src)


def _among(ids: pa.Array, wanted: Iterable[str]) -> Mask:
    found: Mask = pc.is_in(ids, pa.array(list(wanted), pa.string())).to_numpy(zero_copy_only=False)
    return found


def _keys(pairs: Int64, users: Ids, directed: bool) -> Int64:
    return keys_of(pairs[:, 0], pairs[:, 1], len(users), directed)


def model_of(folder: Path) -> Path | None:
    """Return the model folder that ``folder``, a model's or a bundle, belongs to; None for a bundle alone."""
    if (folder / CALIBRATION).is_file():
        return folder
    return folder.parent if folder.name == BUNDLE and (folder.parent / CALIBRATION).is_file() else None


def calibration_of(model: Path | None) -> dict[str, Any]:
    """Return what a model notes of itself; nothing without one.

    Raises:
        ArtifactError: it cannot be read.
    """
    if model is None:
        return {}
    try:
        found = read_json(model / CALIBRATION)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{model / CALIBRATION}: cannot be read ({error}); fit the model again") from None
    if not isinstance(found, dict):
        raise ArtifactError(f"{model / CALIBRATION}: is no calibration; fit the model again")
    return found


def told_in(model: Path | None, users: Ids) -> tuple[Told, Int64]:
    """Return what was told within a model, and its fitted edges (E, 2); neither where its calibration says nothing.

    Args:
        users: of the bundle.

    Raises:
        ArtifactError: the model cannot be read, or is not the bundle's.
    """
    calibration = calibration_of(model)
    if model is None or not any(name in calibration for name in WITHIN):
        return Told(), np.empty((0, 2), np.int64)
    from recdiff.model.folder import below, read_artifact

    artifact = read_artifact(model)
    if artifact.users != users:
        raise ArtifactError(f"{model / BUNDLE}: is the bundle of another model; export again")
    ends = [artifact.edges[name].to_numpy() for name in ("src", "dst")]
    return Told.from_arrays(below("told", artifact.arrays)), np.stack(ends, axis=1)
