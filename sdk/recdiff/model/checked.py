"""A model folder whose hashes fit may still hold anything: what is loaded is looked at before it is used.

Letters: U users, I items, E edges, F table columns, N pair features, C classes, D widths.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recdiff.blend.blend import BUILDERS, Blend
from recdiff.blend.names import OURS, POPULARITY
from recdiff.config.scorer import ScorerConfig
from recdiff.data.ids import Ids
from recdiff.diffusion.folded import Activation, FoldedDenoiser
from recdiff.errors import ArtifactError, RecDiffError
from recdiff.model.arrays import WEIGHTS
from recdiff.model.fitted import Fitted
from recdiff.model.folder import Artifact
from recdiff.model.told import FAKE, REAL, SILENT, Told
from recdiff.recommender.fit import Recommender
from recdiff.scorer.evidence import NOISE_DRAWS, read
from recdiff.scorer.pair_scorer import ELEMENTWISE, OPERATIONS, PairScorer

Layers = tuple[tuple[NDArray[Any], NDArray[Any]], ...]
COUNTS = ("common_friends", "shared_items", "degree_src", "degree_dst")
BROKEN = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, RecDiffError)
"""What making something of values of the wrong kind ends in."""


def fitted_of(folder: Path, artifact: Artifact) -> Fitted:
    """Return the model that ``folder`` held.

    Raises:
        ArtifactError: its parts do not fit together.
    """
    try:
        fitted = Fitted.of_artifact(artifact)
        _check(fitted)
        if fitted.growth is not None:
            _check_growth(fitted, artifact.config.scorer)
    except BROKEN as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ArtifactError(f"{folder}: is no model although its hashes fit ({said}); fit the model again") from None
    return fitted


def _check(fitted: Fitted) -> None:
    users, items = len(fitted.users), len(fitted.items)
    _require(isinstance(fitted.directed, bool) and isinstance(fitted.mirrored, bool), "directed or mirrored is no bool")
    for name, ids in (("user", fitted.users), ("item", fitted.items)):
        _check_ids(name, ids)
    _check_edges(fitted.edges, users, "unscored" in fitted.calibration)
    for matrix in (fitted.trained, fitted.seen):
        matrix.check_format(full_check=True)
    _check_scorer(fitted.pair, fitted.table, users)
    _check_calibration(fitted.calibration, len(fitted.pair.offset) - 1)
    _check_told(fitted.told, len(fitted.edges), users)
    if fitted.denoiser is not None:
        _check_denoiser(fitted.denoiser, fitted.social, users)
    if fitted.recommender is not None:
        _check_recommender(fitted.recommender, users, items)
    if fitted.judged is not None:
        for table, rows in zip(fitted.judged, (users, items), strict=True):
            _numbers("a judged table", table, rows, None)
    for name, blend in (("blend", fitted.blend), ("judged-blend", fitted.judged_blend)):
        if blend is not None:
            _require(fitted.recommender is not None, "there is a blend, but no recommender")
            _check_blend(f"{WEIGHTS}: {name}", blend, items)
    _require(all(isinstance(each, dict) for each in fitted.history), "history is no list of steps")


def _check_ids(name: str, ids: Ids) -> None:
    ascending = pc.all(pc.less(ids.values[:-1], ids.values[1:])).as_py() is not False
    _require(ids.values.null_count == 0 and ascending, f"{name} ids are missing or not in ascending order")


def _check_edges(edges: pa.Table, users: int, unscored: bool) -> None:
    wanted = {"src": pa.int64(), "dst": pa.int64(), "fake_score": pa.float32(), "kind": pa.string()}
    wanted |= {name: pa.int32() for name in COUNTS if name != "shared_items" or name in edges.column_names}
    if "movement" in edges.column_names:
        wanted["movement"] = pa.float32()
    if "tied_at" in edges.column_names:
        wanted["tied_at"] = pa.float64()
    found = {field.name: field.type for field in edges.schema}
    _require(found == wanted, f"edges have the columns {', '.join(found)}, or another type")
    empty = {"fake_score", "kind"} if unscored else set()
    for name in wanted:
        _require(edges[name].null_count == (len(edges) if name in empty else 0), f"column {name} of edges has gaps")
    for name in ("src", "dst", *(each for each in COUNTS if each in found)):
        low, high = pc.min_max(edges[name]).values()
        most = users - 1 if name in ("src", "dst") else 2**31
        _require(
            len(edges) > 0 and low.as_py() >= 0 and high.as_py() <= most, f"column {name} of edges is out of bounds"
        )
    if not unscored:
        inside = pc.all(pc.and_(pc.greater_equal(edges["fake_score"], 0), pc.less_equal(edges["fake_score"], 1)))
        _require(inside.as_py(), "a fake_score is no chance")


def _check_told(told: Told, edges: int, users: int) -> None:
    for name in ("labels", "decided", "answers", "accounts", "decided_accounts", "account_answers"):
        said = getattr(told, name)
        if said is not None:
            fits = said.shape == (users if "account" in name else edges,) and said.dtype == np.int8
            _require(fits and bool(np.isin(said, (FAKE, REAL, SILENT)).all()), f"{name} of edges or accounts")
    if told.blind is not None:
        _numbers("the scores before an audit", told.blind, edges)


def _check_scorer(pair: PairScorer, table: NDArray[Any], users: int) -> None:
    _numbers("the scorer's table", table, users, None)
    width = table.shape[1]
    for term in pair.terms:
        spans = [term.left, term.right, *((column, column + 1) for column in term.by or ())]
        inside = all(0 <= start < stop <= width for start, stop in spans)
        same = term.left[1] - term.left[0] == term.right[1] - term.right[0]
        _require(term.operation in OPERATIONS and inside and (same or term.operation not in ELEMENTWISE), "a pair term")
    count = sum(term.width for term in pair.terms)
    for name, values in (("mean", pair.mean), ("scale", pair.scale)):
        _numbers(f"the features' {name}", values, count)
    _layers("the scorer", pair.layers, count, len(pair.offset))
    _numbers("the prior", pair.offset, len(pair.offset))
    _require(len(pair.offset) >= 2 and np.all(pair.scale != 0), "there are no classes, or a feature has no scale")
    _require(all(map(_real, (pair.clip, *pair.calibration, pair.alike))), "the calibration is no numbers")
    _require(pair.alike >= 0.0, "fewer than no real edges look like fakes")


def _check_calibration(said: dict[str, Any], kinds: int) -> None:
    if "unscored" in said:
        _require(isinstance(said["unscored"], str), "unscored is no reason")
        return
    named = said["kinds"]
    _require(isinstance(named, list) and len(named) == kinds and all(isinstance(each, str) for each in named), "kinds")
    shares, share = said["shares"], said["fake_share"]
    _require(all(isinstance(name, str) and _real(each) for name, each in shares.items()), "shares are no numbers")
    _require(_real(said["noise_level"]), "noise_level is no number")
    _require(all(_real(share[name]) for name in ("low", "estimate", "high")), "fake_share is no numbers")
    _require(isinstance(share["audited"], bool), "audited is no bool")
    if "account_audit" in said:
        audit = said["account_audit"]
        _require(all(_real(audit[name]) for name in ("slope", "intercept")) and audit["slope"] > 0, "an audit's change")
        _require(all(_real(said["account_share"][name]) for name in ("low", "estimate", "high")), "account_share")


def _check_denoiser(denoiser: FoldedDenoiser, social: NDArray[Any], users: int) -> None:
    hidden, width = denoiser.first.shape
    _numbers("the denoiser's first layer", denoiser.first, hidden, width)
    _numbers("the denoiser's steps", denoiser.bias, denoiser.schedule.steps, hidden)
    _layers("the denoiser", denoiser.further, hidden, width)
    _numbers("the embeddings", social, users, width)
    _require(
        denoiser.activation in get_args(Activation) and isinstance(denoiser.normalise, bool), "the denoiser's kind"
    )


def _check_growth(fitted: Fitted, config: ScorerConfig) -> None:
    growth = fitted.growth
    assert growth is not None
    spans = {name: last - first for name, (first, last) in fitted.calibration["columns"].items()}
    latent = growth.latent.shape[1]
    wanted: dict[str, tuple[int | None, ...]] = {
        "weight": (len(fitted.edges),),
        "value": (spans["unit"],),
        "singular": (spans.get("unit_out", 0),),
        "degree": (2,),
        "usual": (None,),
        "friendless": (2 if "quiet" in spans else 0,),
        "latent": (2, None),
        "movement": (1 if growth.net else 0,),
        "noise": (NOISE_DRAWS, latent),
        "rarity": (len(fitted.items) if "taste" in spans else 0,),
        "directions": (len(fitted.items) if "taste" in spans else 0, None),
    }
    for name, shape in wanted.items():
        _numbers(f"{name}, which updates need,", getattr(growth, name), *shape)
    _require(("lack" in spans) == (len(growth.usual) > 0), "usual is of other columns")
    _require("taste" not in spans or growth.directions.shape[1] == spans["taste"], "tastes have another width")
    if growth.net:
        sizes = {"first.weight": (config.evidence.hidden, latent), "join": (config.evidence.condition_width, latent)}
        _require(all(growth.net[name].shape == size for name, size in sizes.items()), "the evidence's networks")
        read(growth.net, config.evidence)
        _require(all(np.isfinite(each).all() for each in growth.net.values()), "the evidence holds what is no number")


def _check_recommender(tables: Recommender, users: int, items: int) -> None:
    width = tables.user_table.shape[1]
    rows = {"user_table": users, "own": users, "user_memory": users, "item_table": items, "item_memory": items}
    for name, count in rows.items():
        _numbers(name, getattr(tables, name), count, width)
    _require(_real(tables.tie_weight), "tie_weight is no number")


def _check_blend(where: str, blend: Blend, items: int) -> None:
    """Check a blend; ``where`` its arrays lie, for the message."""
    weights = blend.weights
    _require(all(map(_real, weights.values())) and len(weights) > 0, "the weights of the blend are no numbers")
    stored = {*blend.tables, *([POPULARITY] if blend.popularity is not None else [])}
    strange = ", ".join([*sorted(stored ^ (set(weights) - {OURS})), *sorted(set(blend.tables) - set(BUILDERS))])
    _require(not strange, f"calibration.json: {strange} has a weight in the blend and no table, or no weight")
    for name, table in blend.tables.items():
        _numbers(f"{where}/{name}/weights", table.weights, items, None)
        fits = table.items.shape == table.weights.shape and table.items.dtype == np.int32
        said = f"{where}/{name}/items has shape {table.items.shape} of {table.items.dtype}"
        _require(fits, said)
        inside = table.items.size == 0 or 0 <= table.items.min() <= table.items.max() < items
        _require(inside, f"{where}/{name}/items names an item that there is not")
    if blend.popularity is not None:
        _numbers(f"{where}/{POPULARITY}", blend.popularity, items)


def _layers(whose: str, layers: Layers, first: int, last: int) -> None:
    widths = [first, *(len(bias) for _, bias in layers)]
    _require(len(layers) > 0 and widths[-1] == last, f"{whose}'s layers do not fit together")
    for (weight, bias), (before, after) in zip(layers, pairwise(widths), strict=True):
        _numbers(f"a layer of {whose}", weight, after, before)
        _numbers(f"a layer of {whose}", bias, after)


def _numbers(what: str, values: NDArray[Any], *shape: int | None) -> None:
    """Refuse an array of another shape (None: any width), or that holds what is no finite number."""
    fits = values.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, values.shape, strict=True)
    )
    _require(fits and values.dtype.kind == "f", f"{what} has shape {values.shape} of {values.dtype}")
    _require(bool(np.isfinite(values).all()), f"{what} holds what is no number")


def _real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _require(holds: object, message: str) -> None:
    if not holds:
        raise ValueError(message)
