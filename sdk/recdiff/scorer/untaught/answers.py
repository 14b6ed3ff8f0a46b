"""Whether directed edges are answered: an edge that nobody asked for is rarely returned.

Each user answers some part of the edges received, and gets some part of those sent answered. Over users, such parts
follow a beta distribution of mean m and strength n, both read from the graph (method of moments): where users differ
much, a few edges of a user say much. With a the share of edges whose reverse exists,

    t = (answered of received + n m) / (received + n),     asked  = phi log(m / t),     phi = min(1, 2 a),

and asking in the same manner from the edges sent. n is at most 2 / a.

An edge's log odds of being fake rise by asked[dst] + asking[src] / 2, and by -log(1 - a) where it is not answered;
where it is, they fall by phi log(1 / 0.3), less where the answer came late (``delay``). Where hardly any edge is
answered, all of this fades.

Letters: U users, E edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recdiff.arrays import Float32, Float64, Int64
from recdiff.graph.pairs import answered
from recdiff.scorer.untaught.delay import delays

MOST_EXPECTED = 2.0
"""Answers that every user is given beforehand at most."""
LEAST_EXPECTED = 1.0
PAIR = 2
SURE_FROM = 5.0
"""Edges of a user from which on more of them hardly add to the user's weight in the mean."""
ASKING = 0.5
"""Weight of the source's answers beside the target's."""
KINDEST = 0.3
"""How likely a fake is to be answered, as a part of how likely a real edge is."""
SUREST = 0.95


def answer_columns(sent: Float64, received: Float64) -> dict[str, Float32]:
    """Return the columns "asked" and "asking", (U, 1) each.

    Args:
        sent, received: (U, 2) how many edges leave and reach each user, and how many of them are answered.
    """
    sides = {"asked": received, "asking": sent}
    return {name: Habit.of(each, usual_rate(sent)).rarely(each)[:, None] for name, each in sides.items()}


def usual_rate(sent: Float64) -> float:
    """Return which part of the edges that users ``sent`` (U, 2) is answered."""
    return float(sent[:, 1].sum()) / max(float(sent[:, 0].sum()), 1.0)


@dataclass(frozen=True)
class Habit:
    """How often edges are answered: a part ``usual`` of all; by user a beta distribution of mean m and strength n."""

    usual: float
    mean: float
    strength: float

    @classmethod
    def of(cls, counts: Float64, usual: float) -> Habit:
        """Return what ``counts`` (U, 2) of edges, and of answered ones, show."""
        return cls(usual, *(_spread(counts[:, 1], counts[:, 0], usual) if usual else (0.0, 0.0)))

    def rarely(self, counts: Float64) -> Float32:
        """Return how much less often than is usual edges with such ``counts`` (U, 2) are answered, (U,)."""
        if not self.usual:
            return np.zeros(len(counts), np.float32)
        rate = (counts[:, 1] + self.strength * self.mean) / (counts[:, 0] + self.strength)
        return np.asarray(min(1.0, 2.0 * self.usual) * np.log(self.mean / rate), np.float32)


def _spread(answered: Float64, total: Float64, usual: float) -> tuple[float, float]:
    """Return the mean m and the strength n of the beta distribution that the users' rates come from.

    Two edges of one user are both answered with probability m^2 + m (1 - m) / (n + 1).
    """
    most = MOST_EXPECTED / usual
    many = total >= PAIR
    weight = 1.0 / (total + SURE_FROM)
    mean = float((weight @ answered) / (weight @ total))
    if not many.any() or not 0.0 < mean < 1.0:
        return usual, most
    both = (answered * (answered - 1.0))[many] / (total * (total - 1.0))[many]
    alike = (float(both.mean()) - mean**2) / (mean * (1.0 - mean))
    return mean, float(np.clip(1.0 / max(alike, 1e-9) - 1.0, LEAST_EXPECTED, most))


def silence(edges: Int64, num_users: int, times: Float64 | None = None) -> Float64:
    """Return what an answer, or none, adds to the log odds that each of the directed ``edges`` (E, 2) is fake, (E,).

    Args:
        times: (E,) when each came about, nan where unknown; or None. The latest answer says no less than none.
    """
    there = answered(edges, num_users)
    usual = float(there.mean())
    alone = -np.log1p(-min(usual, SUREST))
    certain = min(1.0, 2.0 * usual)
    late = 0.0 if times is None else certain * delays(edges, num_users, times)
    found: Float64 = np.where(there, np.minimum(certain * np.log(KINDEST) + late, alone), alone)
    return found
