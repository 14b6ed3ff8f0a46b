"""Write a made-up data folder with planted fake edges and the truth about them."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.errors import UsageError
from recdiff.fakes import kinds as registry
from recdiff.sample.fakes import Accounts, count_accounts, imitated, plant
from recdiff.sample.society import EDGES_PER_USER, Society, make_society
from recdiff.sample.taste import activity, choose, make_catalogue
from recdiff.storage.whole import in_the_way, replaced_folder, writable

FAKE_SHARE = 0.2
"""Fake edges per real edge."""
USERS = 3_000
LEAST, MOST = 50, 10_000_000
CSV_USERS = 50_000
"""Above so many users the tables are written as Parquet instead of csv."""
TRUTH = "truth.parquet"

_MARK = {b"recdiff": b"sample"}
_START, _DAYS = 1_672_531_200, 730  # 2023-01-01 in seconds, two years
_FIRST_NAMES = (
    "ada", "alan", "amara", "ana", "anders", "aya", "bao", "bela", "carla", "chen", "chidi", "clara", "dara", "diego",
    "elif", "emeka", "emil", "eva", "farid", "fatima", "freya", "gita", "hana", "hugo", "ines", "isko", "ivan", "jana",
    "jin", "joao", "kai", "kofi", "lars", "leila", "lena", "liam", "lucia", "mai", "marek", "mira", "naoki", "nia",
    "nils", "noor", "olga", "omar", "otto", "paula", "pavel", "priya", "quinn", "rania", "rosa", "sami", "sara", "sven",
    "tariq", "tove", "uma", "vera", "wen", "yara", "yusuf", "zoe",
)  # fmt: skip
_TOPICS = (
    "jazz", "thriller", "hiking", "pasta", "chess", "garden", "cinema", "poetry", "running", "coffee", "history",
    "robot", "ocean", "anime", "blues", "cycling", "baking", "puzzle", "travel", "comic", "opera", "camping", "sushi",
    "physics",
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """A made-up data set.

    Attributes:
        interactions: user_id, item_id, timestamp (seconds).
        social: src, dst; every edge in both directions.
        truth: the rows of ``social`` with is_fake and kind ("real" or the name of a kind).
        users: number of users, fake accounts included.
        items: number of items.
    """

    interactions: pa.Table
    social: pa.Table
    truth: pa.Table
    users: int
    items: int


def make_sample(users: int = USERS, seed: int = 0) -> Sample:
    """Make a data set of ``users`` users; the same seed gives the same one.

    Raises:
        UsageError: ``users`` is out of range.
    """
    if not LEAST <= users <= MOST:
        raise UsageError(f"users={users} is out of range; accepted: {LEAST} to {MOST}")
    rng = np.random.default_rng(seed)
    items = min(users, 3_000 + users // 20)
    farm, camouflage = count_accounts(users, FAKE_SHARE, EDGES_PER_USER)
    society = make_society(users - farm - camouflage, rng)
    accounts = Accounts(farm, camouflage, imitated(society, camouflage, rng))
    fakes, kinds = plant(society, accounts, round(FAKE_SHARE * len(society.edges)), rng)
    # Numbers are dealt at random, so that nothing about an account shows in its id.
    number = rng.permutation(users)
    names = _names(users, _FIRST_NAMES, rng)
    truth = _truth(society, fakes, kinds, number, names)
    return Sample(
        interactions=_interactions(society, accounts, items=items, number=number, names=names, rng=rng),
        social=truth.select(["src", "dst"]),
        truth=truth.replace_schema_metadata(_MARK),
        users=users,
        items=items,
    )


def write_sample(folder: str | PathLike[str], users: int = USERS, seed: int = 0) -> Sample:
    """Make a sample and write its interactions, social and truth files into ``folder``.

    An earlier sample there is replaced once the new one is complete; on any failure it stays.

    Raises:
        UsageError: ``users`` is out of range, or ``folder`` holds anything but an earlier sample.
    """
    target = Path(folder)
    _check_target(target)
    sample = make_sample(users, seed)
    with replaced_folder(target) as draft:
        for name, table in (("interactions", sample.interactions), ("social", sample.social)):
            _write(table, draft / f"{name}.{'csv' if users <= CSV_USERS else 'parquet'}")
        _write(sample.truth, draft / TRUTH)
    return sample


def _check_target(folder: Path) -> None:
    """Refuse a ``folder`` that holds anything but an earlier sample."""
    if folder.is_file():
        raise UsageError(f"{folder}: is a file; name a folder for the sample")
    names = {TRUTH, *(f"{stem}.{end}" for stem in ("interactions", "social") for end in ("csv", "parquet"))}
    other = in_the_way(writable(folder), lambda entry: entry.name in names, lambda place: _is_marked(place / TRUTH))
    if other:
        raise UsageError(f"{folder}: holds files that are no earlier sample ({other}); name an empty folder")


def _is_marked(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError):
        return False
    return bool(_MARK.items() <= metadata.items())


def _write(table: pa.Table, path: Path) -> None:
    """Write ``table`` as its name says; ids as plain text, since a dictionary of a million of them slows readers."""
    decoded = {
        name: table[name].cast(pa.string()) if pa.types.is_dictionary(table[name].type) else table[name]
        for name in table.schema.names
    }
    plain = pa.table(decoded).replace_schema_metadata(table.schema.metadata)
    if path.suffix == ".parquet":
        pq.write_table(plain, path, use_dictionary=["kind"])
        return
    with path.open("wb") as file:
        file.write(f"{','.join(plain.schema.names)}\n".encode())
        pacsv.write_csv(plain, file, pacsv.WriteOptions(include_header=False, quoting_style="none"))


def _names(count: int, words: tuple[str, ...], rng: np.random.Generator) -> pa.Array:
    """Return ``count`` distinct ids such as "mira-00042"."""
    return _numbered(pa.array(words).take(pa.array(rng.integers(0, len(words), count))))


def _numbered(words: pa.Array) -> pa.Array:
    width = len(str(len(words) - 1))
    digits = pc.utf8_lpad(pa.array(np.arange(len(words))).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(words, digits, "-")


def _coded(codes: Int64, names: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), names)


def _truth(society: Society, fakes: Int64, kinds: NDArray[np.int8], number: Int64, names: pa.Array) -> pa.Table:
    edges = number[np.concatenate((society.edges, fakes))]
    kind = np.concatenate((np.zeros(len(society.edges), np.int64), kinds.astype(np.int64) + 1))
    one_way = edges[:, 0] * len(names) + edges[:, 1]
    other_way = edges[:, 1] * len(names) + edges[:, 0]
    named = ["real", *(each.name for each in registry.in_sample())]
    # The kind rides along in the low digits, so that one plain sort orders all columns.
    row = np.sort(np.concatenate((one_way, other_way)) * len(named) + np.concatenate((kind, kind)))
    pair, label = row // len(named), (row % len(named)).astype(np.int8)
    src, dst = pair // len(names), pair % len(names)
    labels = pa.DictionaryArray.from_arrays(pa.array(label), pa.array(named))
    return pa.table(
        {"src": _coded(src, names), "dst": _coded(dst, names), "is_fake": pa.array(label > 0), "kind": labels}
    )


def _interactions(
    society: Society, accounts: Accounts, *, items: int, number: Int64, names: pa.Array, rng: np.random.Generator
) -> pa.Table:
    catalogue = make_catalogue(items, rng)
    users = len(number)
    communities = int(society.community.max()) + 1
    # A camouflaged account likes what the community of the user it imitates likes; a farm's likes next to nothing.
    community = np.concatenate(
        (society.community, rng.integers(0, communities, accounts.farm), society.community[accounts.imitated])
    )
    counts = activity(users, rng)
    farm = slice(society.size, society.size + accounts.farm)
    counts[farm] = rng.integers(1, 4, accounts.farm)
    friends = sp.csr_matrix(society.neighbours)
    friends.resize((users, users))
    who, what = choose(community, counts, friends=friends, catalogue=catalogue, number=number, rng=rng)
    began = rng.random(users) * 0.9
    began[number[farm]] = 0.97
    moment = _START + 86_400 * _DAYS * (began[who] + (1 - began[who]) * rng.random(len(who)))
    titles = _numbered(pa.array(_TOPICS).take(pa.array(catalogue.topic % len(_TOPICS))))
    return pa.table(
        {"user_id": _coded(who, names), "item_id": _coded(what, titles), "timestamp": pa.array(moment.astype(np.int64))}
    )
