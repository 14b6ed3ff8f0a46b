"""Kinds of fake edges: the one list that drawing, injecting, scoring, explaining and the help texts go by.

A kind is sampled (pairs that are no edges, beside the graph), planted (accounts with edges of their own) or both
injected and sampled. To add one, add an entry to ``KINDS``, or register it from a module of your own, with how it is
drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # The command line reads this module for its help, and does without NumPy until it computes.
    import numpy as np
    from numpy.typing import NDArray

    Pairs = NDArray[np.int64]

RARELY = 0.01
"""In how many graphs any share of real edges looks like a kind of which nothing better is known."""


@dataclass(frozen=True)
class Kind:
    """One kind of fake edge.

    Attributes:
        name: as written in commands and files.
        sentence: what it is, to go behind "It looks most like".
        sampled: whether the scorer learns it from pairs drawn beside the graph.
        planted: whether the scorer learns it from accounts planted beside the graph; needs interactions.
        grouped: whether it is seen in a group of users as a whole.
        injected: whether ``corrupt`` can put it into a graph.
        natural: mean share of real edges that look like it, before the graph's own factor.
        vague: in how many graphs any share of real edges looks like it. Where users who have many friends know each
            other for that alone, or communities have no more to them than that their users know each other, it may be
            all of them.
        stands_for: kinds whose share is read by it: it orders no edges and has no share of its own.
        propose: (graph, count, rng) -> candidate pairs (M, 2); None: `drawing` knows it by name.
        bring: (graph, count, rng) -> pairs (count, 2) and how many new accounts they have; None: it brings none, or
            `injection` knows it by name.
        in_sample: how many fakes of it the made-up sample has, relative to all fakes of the built-in kinds; 0: none.
        made_as: how the sample makes them.
    """

    name: str
    sentence: str
    sampled: bool = False
    planted: bool = False
    grouped: bool = False
    injected: bool = False
    natural: float = 0.0
    vague: float = RARELY
    stands_for: tuple[str, ...] = ()
    propose: Callable[[Any, int, np.random.Generator], Pairs] | None = None
    bring: Callable[[Any, int, np.random.Generator], tuple[Pairs, int]] | None = None
    in_sample: float = 0.0
    made_as: str = ""

    @property
    def needs(self) -> str:
        """What the data must have for the scorer to look for it."""
        return "interactions" if self.planted else "nothing" if self.sampled or self.grouped else "labels"


KINDS: tuple[Kind, ...] = (
    Kind(
        "uniform",
        "an edge between two people picked at random",
        sampled=True,
        injected=True,
        natural=0.003,
        in_sample=0.25,
        made_as="any two users",
    ),
    Kind(
        "hub",
        "an edge from somebody picked at random to somebody popular",
        sampled=True,
        injected=True,
        natural=0.006,
        vague=0.3,
    ),
    Kind(
        "degree",
        "an edge between two well-connected people who have nothing to do with each other",
        sampled=True,
        injected=True,
        natural=0.012,
        vague=0.3,
        in_sample=0.25,
        made_as="two users drawn by how many friends they have",
    ),
    Kind(
        "walk",
        "an edge to somebody near, a few friendships away, without a reason of its own",
        sampled=True,
        injected=True,
        natural=0.04,
        vague=0.3,
    ),
    Kind(
        "two-hop",
        "an edge made to a friend's friend without a reason of its own",
        sampled=True,
        injected=True,
        natural=0.02,
        in_sample=0.2,
        made_as="two friends of one user who are not friends",
    ),
    Kind(
        "lost-path",
        "an edge made to a friend's friend, where the friendship between is gone",
        sampled=True,
        natural=0.04,
    ),
    Kind(
        "kept-path",
        "an edge made to a friend's friend, of friendships that look real",
        sampled=True,
        natural=0.04,
        vague=0.5,
        stands_for=("two-hop", "lost-path"),
    ),
    Kind("idle", "an edge of an account that uses nothing", planted=True, natural=0.015),
    Kind(
        "farm",
        "an edge of a farm: new accounts tied to each other and to a few targets",
        planted=True,
        injected=True,
        natural=0.02,
        in_sample=0.15,
        made_as="new accounts tied to each other and to a few popular users; each uses one to three items, so that the "
        "scorer's name for them is [`active-farm`](cleaning.md#kinds-of-fakes)",
    ),
    Kind("active-farm", "an edge of a farm whose accounts use a thing or two to look real", planted=True, natural=0.03),
    Kind(
        "camouflage",
        "a bought follower that also befriended the target's friends to look real",
        planted=True,
        injected=True,
        natural=0.02,
        in_sample=0.15,
        made_as="accounts tied to one user and to friends of that user; they use what that user's community uses",
    ),
    Kind(
        "ring",
        "an edge of a group of accounts that act together and use little for the friends they have",
        planted=True,
        natural=0.003,
    ),
    Kind("staged", "an edge of accounts that one hand made: a group cut off from the others, all alike", grouped=True),
    Kind("account", "an edge of an account like those labelled fake"),
    Kind("known", "one of the edges that labels name as fake"),
    Kind("other", "none of the kinds that are known"),
)


def register(new: Kind) -> None:
    """Add a kind to the registry.

    Raises:
        ValueError: there is one of that name.
    """
    global KINDS
    if new.name in {each.name for each in KINDS}:
        raise ValueError(f"kind {new.name!r} is there already")
    KINDS = (*KINDS, new)


def kind(name: str) -> Kind:
    """Return the kind called ``name``.

    Raises:
        KeyError: where there is none.
    """
    return {each.name: each for each in KINDS}[name]


def sampled() -> tuple[str, ...]:
    """Return the kinds that are learned from pairs drawn beside the graph."""
    return tuple(each.name for each in KINDS if each.sampled)


def planted() -> tuple[str, ...]:
    """Return the kinds that are learned from planted accounts."""
    return tuple(each.name for each in KINDS if each.planted)


def injected() -> tuple[str, ...]:
    """Return the kinds that can be put into a graph."""
    return tuple(each.name for each in KINDS if each.injected)


def in_sample() -> tuple[Kind, ...]:
    """Return the kinds that the made-up sample has."""
    return tuple(each for each in KINDS if each.in_sample)
