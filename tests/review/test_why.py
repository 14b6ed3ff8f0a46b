"""What explains a group: all its members together, adding up to the score that is shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from recdiff.accounts.scores import PRIOR, Accounts
from recdiff.estimator import RecDiff
from recdiff.review.why import LABELS, SHARE, why_account, why_group
from tests.review.conftest import Place


def made(accounts: Accounts, *members: dict[str, float]) -> Accounts:
    """Return accounts of which the first have these parts and no others."""
    parts = {name: values.copy() for name, values in accounts.parts.items()}
    for place, told in enumerate(members):
        for name, values in parts.items():
            values[place] = told.get(name, 0.0)
    return replace(accounts, log_odds=PRIOR + np.sum(list(parts.values()), axis=0), parts=parts)


def test_the_steps_of_a_group_are_sums_over_its_members(town_accounts: Accounts) -> None:
    """One member that its group gives away and one that its edges do: half of the share each, not a mean member's."""
    used, members = np.zeros(len(town_accounts.log_odds), np.int64), np.array([0, 1])
    accounts = made(town_accounts, {"group": 9.0}, {"edges": 9.0})
    why = why_group(accounts, used, members)
    added = {step.label: step.added for step in why.steps}
    half = (expit(PRIOR + 9.0) - expit(PRIOR)) / 2
    assert added[LABELS["group"]] == pytest.approx(half)
    assert added[LABELS["edges"]] == pytest.approx(half)
    assert (why.unit, why.total) == (SHARE, pytest.approx(accounts.score[members].mean()))


@pytest.mark.parametrize(
    "members",
    [
        ({"group": 4.0, "usage": -2.0}, {"edges": 3.0, "usage": 1.0}, {"usage": -3.0}),
        ({"group": 2.0, "edges": -2.0}, {}),
        ({"edges": 30.0}, {"edges": -30.0}),
    ],
)
def test_whatever_the_members_are_like_it_adds_up(
    town_accounts: Accounts, members: tuple[dict[str, float], ...]
) -> None:
    accounts = made(town_accounts, *members)
    who = np.arange(len(members))
    why = why_group(accounts, np.ones(len(accounts.log_odds), np.int64), who)
    assert why.start + sum(step.added for step in why.steps) == pytest.approx(why.total, abs=1e-12)
    assert why.total == pytest.approx(accounts.score[who].mean())
    alone = why_account(accounts, np.ones(len(accounts.log_odds), np.int64), 0)
    assert alone.start + sum(step.added for step in alone.steps) == pytest.approx(accounts.log_odds[0])


@pytest.fixture
def town_accounts(town: Place) -> Accounts:
    return RecDiff.load(town.model).fitted_.accounts


def test_counts_are_in_words(town_accounts: Accounts) -> None:
    used = np.zeros(len(town_accounts.log_odds), np.int64)
    assert "it has used no items" in {step.fact for step in why_account(town_accounts, used, 0).steps}
    used[0] = 1
    assert "it has used 1 item" in {step.fact for step in why_account(town_accounts, used, 0).steps}
