"""A social graph with the interactions of its users, read from a folder and checked.

Letters: U users, I items, E edges, N interactions.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from recdiff.arrays import Float64, Int64, Positions
from recdiff.data import input_files as folders
from recdiff.data.columns import INTERACTIONS, SOCIAL, saved_map
from recdiff.data.direction import settle, stated
from recdiff.data.frames.graph import graph_frames
from recdiff.data.frames.rows import frame_direction, read_frame
from recdiff.data.ids import Ids, join
from recdiff.data.notice import Notice, about, coverage, look_alikes
from recdiff.data.problems import Problem, data_error
from recdiff.data.published_pickle import Published, read_published
from recdiff.data.rows.left_out import REMEDY, LeftRow, check_share
from recdiff.data.split import Matrices, SplitRule, binary, divide, names_for, overlap_notice, without
from recdiff.data.table_file import Table, refuse_strangers
from recdiff.errors import BadRowsError, DataError
from recdiff.graph.social_graph import SocialGraph
from recdiff.machine.memory import at_most
from recdiff.notebook import html_table, sentence

__all__ = ["Notice", "SocialDataset"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SocialDataset:
    """Users, items, interactions in three parts, and social ties.

    Attributes:
        users: the U users of both files, ascending.
        items: the I items, ascending; none in social-only mode.
        train: float32 CSR (U, I), entries 1.
        validation: float32 CSR (U, I), entries 1; shares no entry with ``train``.
        test: float32 CSR (U, I), entries 1; shares no entry with the others.
        edges: int64 (E, 2), distinct ties by user position; undirected ties once, in first-seen orientation.
        directed: whether (a, b) and (b, a) are two different ties.
        mirrored: undirected input that listed both directions of every tie.
        notices: counted things that were handled.
        edge_times: float64 (E,) when each tie came about, in seconds; None where the data do not say.
        left_out: rows that have a fault and were left out because that was asked for.
    """

    users: Ids
    items: Ids
    train: sp.csr_matrix
    validation: sp.csr_matrix
    test: sp.csr_matrix
    edges: Int64
    directed: bool
    mirrored: bool
    notices: tuple[Notice, ...] = ()
    edge_times: Float64 | None = None
    left_out: tuple[LeftRow, ...] = ()

    @property
    def graph(self) -> SocialGraph:
        """The social graph."""
        return SocialGraph(self.edges, len(self.users), self.directed)

    @classmethod
    def read(
        cls,
        folder: str | PathLike[str],
        *,
        directed: bool | None = None,
        mapping: Mapping[str, str] | None = None,
        seed: int = 0,
        split: SplitRule = "ratio",
        max_memory: int | None = None,
        skip_bad: float | None = None,
    ) -> SocialDataset:
        """Read a data folder (or the published RecDiff pickle itself).

        Args:
            folder: holds social.{csv,tsv,parquet} and perhaps interactions.{csv,tsv,parquet}, or RecBole's NAME.net
                and NAME.inter, or the published pickle.
            directed: whether ties have a direction; None: they have none exactly when each is listed both ways.
            mapping: canonical column name -> name in the file, for names that are not recognised; it goes before what
                the folder's own recdiff.toml says.
            seed: of the 7:1:2 split, where the data bring no split of their own.
            split: "ratio" divides each user's interactions at random, "time" by their timestamps.
            max_memory: bytes that reading one file may take; None: half of the machine's memory.
            skip_bad: leave out rows that have a fault, up to this share of a table's rows; None: refuse them.

        Raises:
            DataError: the data cannot be used; every problem found is named.
            UsageError: an argument makes no sense with these data.
        """
        with at_most(max_memory):
            return cls._read(Path(folder), directed, mapping=mapping, seed=seed, split=split, skip_bad=skip_bad)

    @classmethod
    def _read(
        cls,
        folder: Path,
        directed: bool | None,
        *,
        mapping: Mapping[str, str] | None,
        seed: int,
        split: SplitRule,
        skip_bad: float | None,
    ) -> SocialDataset:
        check_share(skip_bad)
        names = saved_map(folder) | names_for(mapping, split)
        files = folders.find(folder)
        if files.pickle is not None:
            return _from_published(files.pickle, read_published(files.pickle), directed)
        assert files.social is not None
        read = partial(folders.read_tables, skip_bad=skip_bad)
        tables = _both(read, files.social, files.interactions, names, split == "time")
        if directed is None:
            directed = stated(tables[0].path, tables[0].unused)
        return _from_tables(*tables, directed=directed, others=files.others, seed=seed, rule=split)

    @classmethod
    def from_frames(
        cls,
        social: Any,
        interactions: Any = None,
        *,
        directed: bool | None = None,
        mapping: Mapping[str, str] | None = None,
        seed: int = 0,
        split: SplitRule = "ratio",
    ) -> SocialDataset:
        """Take frames over with the checks that files have; numbers are not copied on the way.

        Args:
            social: the columns of social.csv, in a pandas, Polars or Arrow table, anything else with
                ``__arrow_c_stream__``, or a dict of columns.
            interactions: the columns of interactions.csv; None: ties alone.
            directed, mapping, seed, split: as in ``read``.

        Raises:
            DataError: the frames cannot be used; every problem is named by frame, row (from 0) and value.
            UsageError: one is no table, or an argument makes no sense with these data.
        """
        names = names_for(mapping, split)
        tables = _both(read_frame, social, interactions, names, split == "time")
        if directed is None:
            directed = frame_direction(social, tables[0])
        return _from_tables(*tables, directed=directed, others=(), seed=seed, rule=split)

    @classmethod
    def from_graph(
        cls,
        graph: Any,
        interactions: Any = None,
        *,
        directed: bool | None = None,
        mapping: Mapping[str, str] | None = None,
        seed: int = 0,
        split: SplitRule = "ratio",
    ) -> SocialDataset:
        """Take a graph's ties over with the checks that files have; users keep the ids that its nodes have.

        Args:
            graph: of NetworkX (nodes are ids), igraph (vertex attribute id or name, else the position) or PyTorch
                Geometric (``raw_id`` or ``n_id`` of the nodes, else the position). An edge attribute ``tied_at`` says
                when a tie came about. Nodes without a tie or an interaction are no users.
            interactions: as in ``from_frames``; None: those that a HeteroData has from users to other nodes, else none.
            directed: as in ``read``; None: as a NetworkX or igraph graph says itself.
            mapping, seed, split: as in ``read``.

        Raises:
            DataError: as ``from_frames``; rows count the graph's edges.
            UsageError: it is no such graph, or an argument makes no sense with it.
        """
        social, used, says = graph_frames(graph, (mapping or {}).get("tied_at"))
        events = used if interactions is None else interactions
        way = says if directed is None else directed
        return cls.from_frames(social, events, directed=way, mapping=mapping, seed=seed, split=split)

    def counts(self) -> dict[str, int]:
        """Return how many users, items, interactions and ties there are."""
        interactions = int(self.train.nnz + self.validation.nnz + self.test.nnz)
        return {
            "users": len(self.users),
            "items": len(self.items),
            "interactions": interactions,
            f"{'' if self.directed else 'un'}directed edges": len(self.edges),
        }

    def __repr__(self) -> str:
        return f"SocialDataset({sentence(self.counts())})"

    def _repr_html_(self) -> str:
        return html_table("SocialDataset", self.counts())

    def replace_edges(self, edges: Int64) -> SocialDataset:
        """Return a copy with other ties (E', 2), without times, between the same users.

        Raises:
            ValueError: ``edges`` are no pairs of user positions.
        """
        pairs = np.asarray(edges, np.int64)
        if pairs.ndim != 2 or pairs.shape[1] != 2:
            raise ValueError(f"edges must have shape (E, 2), got {pairs.shape}")
        if pairs.size and (pairs.min() < 0 or pairs.max() >= len(self.users)):
            raise ValueError(f"edges must hold positions in 0..{len(self.users) - 1}, got {pairs.min()}..{pairs.max()}")
        return replace(self, edges=pairs, edge_times=None)


def _both(
    read: Callable[..., Table], social: Any, interactions: Any, names: Mapping[str, str], with_time: bool
) -> tuple[Table, Table | None]:
    """Read both files or frames and raise the problems of both together."""
    tables: list[Table | None] = []
    errors: list[DataError] = []
    for given, schema in ((social, SOCIAL), (interactions, INTERACTIONS)):
        try:
            tables.append(None if given is None else read(given, schema, names, with_time=with_time))
        except DataError as error:
            errors.append(error)
    if errors:
        told = "\n".join(map(str, errors))
        rows_only = all(isinstance(error, BadRowsError) for error in errors)
        raise BadRowsError(f"{told}\n{REMEDY}") if rows_only else DataError(told)
    ties, events = tables
    assert ties is not None
    return ties, events


def _social_only(social: Table, directed: bool | None, others: tuple[str, ...]) -> SocialDataset:
    users, (src, dst) = join([social.ids["src"], social.ids["dst"]])
    none = sp.csr_matrix((len(users), 0), dtype=np.float32)
    hint = f"; not read: {', '.join(others)} (rename what holds interactions to interactions.*)" if others else ""
    text = f"no interactions: edges are fitted and scored, nothing is recommended{hint}"
    notices = [Notice("social_only", 0, text)]
    return _assemble(
        social.path,
        users,
        items=Ids(pa.array([], pa.string())),
        matrices=(none, none, none),
        ends=(src, dst),
        directed=directed,
        notices=[*notices, *about(social)],
        times=social.time,
        left_out=social.left_out,
    )


def _from_tables(
    social: Table,
    interactions: Table | None,
    *,
    directed: bool | None,
    others: tuple[str, ...],
    seed: int,
    rule: SplitRule,
) -> SocialDataset:
    if interactions is None:
        return _social_only(social, directed, others)
    users, (who, src, dst) = join([interactions.ids["user_id"], social.ids["src"], social.ids["dst"]])
    items, (what,) = join([interactions.ids["item_id"]])
    refuse_strangers((social, interactions), users, who=who, src=src, dst=dst)
    divided, notices = divide(interactions, who, what=what, num_items=len(items), seed=seed, rule=rule)
    matrices = divided.matrices((len(users), len(items)))
    if matrices[0].nnz == 0:
        raise data_error(interactions.path, [Problem("no row has the split train; training needs at least one")])
    notices = [*about(interactions), *notices, *about(social)]
    return _assemble(
        social.path,
        users,
        items=items,
        matrices=matrices,
        ends=(src, dst),
        directed=directed,
        notices=notices,
        times=social.time,
        left_out=social.left_out + interactions.left_out,
    )


def _from_published(path: Path, data: Published, directed: bool | None) -> SocialDataset:
    shape = data.train.shape
    # Train wins over validation, validation over test, as for a split column that lists a pair twice.
    seen = data.train
    parts = [seen]
    for part in (data.validation, data.test):
        parts.append(without(part, seen))
        seen = seen + part
    repeated = data.validation.nnz + data.test.nnz - parts[1].nnz - parts[2].nnz
    ones = tuple(binary(part, shape) for part in parts)
    numbers = [Ids(pa.array(np.arange(count))) for count in shape]
    matrices = (ones[0], ones[1], ones[2])
    return _assemble(
        path,
        numbers[0],
        items=numbers[1],
        matrices=matrices,
        ends=(data.src, data.dst),
        directed=directed,
        notices=overlap_notice(repeated),
    )


def _assemble(
    path: Path,
    users: Ids,
    *,
    items: Ids,
    matrices: Matrices,
    ends: tuple[Positions, Positions],
    directed: bool | None,
    notices: list[Notice],
    times: Float64 | None = None,
    left_out: tuple[LeftRow, ...] = (),
) -> SocialDataset:
    if len(users) < 2:
        raise data_error(path, [Problem(f"{len(users)} user in all; at least two are needed")])
    ties = settle(*ends, len(users), directed)
    if len(ties.edges) == 0:
        raise data_error(path, [Problem("no edge between two different users; at least one is needed")])
    alike = (*look_alikes(users.values, "users"), *look_alikes(items.values, "items"))
    everything = (*notices, *alike, *ties.notices, *coverage(matrices, ties.edges))
    for each in everything:
        _log.info("%s", each)
    train, validation, test = matrices
    return SocialDataset(
        users=users,
        items=items,
        train=train,
        validation=validation,
        test=test,
        edges=ties.edges,
        directed=ties.directed,
        mirrored=ties.mirrored,
        notices=everything,
        edge_times=None if times is None else times[ties.rows],
        left_out=left_out,
    )
