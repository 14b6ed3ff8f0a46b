"""What a policy removes, and what was decided, which comes before any score."""

from __future__ import annotations

import numpy as np

from recdiff.audit.cleaned import choose
from recdiff.audit.decisions import EDGE, taken
from recdiff.cleaning.policy import Policy
from recdiff.estimator import RecDiff


def test_without_decisions_the_threshold_alone_says(fitted: RecDiff) -> None:
    chosen, facts = choose(fitted.fitted_, Policy(0.3), ())
    assert np.array_equal(chosen, fitted.fitted_.scores >= np.float64(0.3))
    assert facts == {}


def test_a_decision_comes_before_the_score_and_is_asked_about_again(fitted: RecDiff) -> None:
    scores, table = fitted.fitted_.scores, fitted.edges_
    worst, best = int(scores.argmax()), int(scores.argmin())
    ends = {row: [str(table[side][row].as_py()) for side in ("src", "dst")] for row in (worst, best)}
    decisions = [taken(EDGE, *ends[worst], verdict="real"), taken(EDGE, *ends[best], verdict="fake")]
    chosen, facts = choose(fitted.fitted_, Policy(0.3), decisions)
    assert not chosen[worst]
    assert chosen[best]
    assert facts["decided"] == {"fake": 1, "real": 1}
    others = np.setdiff1d(np.arange(len(scores)), [worst, best])
    assert np.array_equal(chosen[others], scores[others] >= np.float64(0.3))
