"""Every decision is accounted for: produced = stored + dropped, with a reason for each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from td3_driving.agent.ledger import Ledger


def balanced(run) -> None:
    """As the trainer itself checks it, and by its own numbers."""
    trainer = run.runner.trainer
    dropped = sum(trainer.ledger.dropped.values())
    still_open = trainer.replay.counters()["open"]
    assert trainer.ledger.produced == trainer.replay.stored + dropped + still_open
    assert dropped == trainer.replay.dropped
    assert trainer.alarm is None


@pytest.mark.parametrize("ticks", [1, 4, 11, 16])
def test_a_decision_that_a_fault_cuts_off_is_dropped_for_that_reason(make_run, ticks) -> None:
    run = make_run().to(ticks)
    balanced(run)
    run.fault()
    balanced(run)
    assert dict(run.runner.trainer.ledger.dropped) == {"fault": 1}
    run.to(ticks + 7)
    balanced(run)


def test_a_budget_that_ends_in_the_middle_of_a_decision_drops_it(make_run) -> None:
    run = make_run(steps=15).to(15)
    balanced(run)
    ledger = run.runner.trainer.ledger
    assert (ledger.produced, dict(ledger.dropped)) == (8, {"budget": 1})


def test_one_that_is_lost_or_counted_twice_raises_the_alarm(make_run) -> None:
    run = make_run().to(11)
    run.runner.trainer.ledger.produced += 1
    assert "lost or counted twice" in run.runner.trainer.alarm


@given(
    st.integers(0, 10**9),
    st.dictionaries(st.sampled_from(["fault", "budget", "stop", "resume"]), st.integers(0, 10**6)),
)
def test_a_ledger_goes_on_from_its_state(produced: int, dropped: dict[str, int]) -> None:
    ledger, other = Ledger(), Ledger()
    ledger.produced = produced
    ledger.dropped.update(dropped)
    other.load_state_dict(ledger.state_dict())
    assert other.state_dict() == ledger.state_dict()
