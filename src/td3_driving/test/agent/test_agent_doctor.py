"""The doctor looks at the learner of a run that has just been driven."""

from __future__ import annotations

from td3_driving.cli.doctor import check_trainer


def test_every_row_passes_on_a_run_that_has_learned(make_run) -> None:
    run = make_run(steps=200, batch_size=8).finish()
    checks = check_trainer(run.runner.trainer)
    assert len(checks) > 10
    assert [check.name for check in checks if not check.passed] == []


def test_a_learner_that_never_learned_fails_with_what_to_do(make_run) -> None:
    run = make_run(steps=20, learning_starts=1_000).to(2)
    run.runner.trainer.enabled = False
    run.finish()
    (check,) = check_trainer(run.runner.trainer)
    assert not check.passed and check.figure == "0 updates"
    assert "train longer: --steps" in check.detail


def test_a_broken_learner_fails_by_the_name_of_what_is_broken(make_run) -> None:
    run = make_run().finish()
    agent = run.runner.trainer.agent
    agent.critic_cnn = agent.actor_cnn
    failed = {check.name for check in check_trainer(run.runner.trainer) if not check.passed}
    assert "two distinct CNN instances" in failed


def test_actions_that_never_vary_fail_the_exploration(make_run) -> None:
    run = make_run().finish()
    trainer = run.runner.trainer
    for action in trainer.recent_actions:
        action[0] = 0.0
    failed = {check.name for check in check_trainer(trainer) if not check.passed}
    assert failed == {"every action dimension explored"}
