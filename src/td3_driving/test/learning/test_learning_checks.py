"""The doctor's checklist: all rows pass on a healthy agent, each fails on one broken that way."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from td3_driving.learning import Actor, TD3Agent, TwinCritic, make_cnn, run_checks, td3

ACTIONS = np.random.default_rng(0).uniform(-1, 1, (100, 2))


@pytest.fixture
def failures(make_batch):
    """Names of the rows that fail."""

    def run(agent, actions=ACTIONS):
        batch = make_batch(agent.config, size=32)
        return {row.name for row in run_checks(agent, batch, actions) if not row.passed}

    return run


@pytest.fixture
def agent(small_config):
    return TD3Agent.create(small_config, seed=1)


def test_a_healthy_agent_passes_every_row(agent, make_batch, failures):
    assert failures(agent) == set()
    for seed in range(4):
        agent.train(make_batch(agent.config, seed=seed))
    assert failures(agent) == set()


def test_the_checks_leave_the_live_agent_alone(agent, make_batch, failures):
    agent.train(make_batch(agent.config))
    weights, state, updates = agent.parameters_sha256(), agent.generator.get_state(), agent.updates
    gradients = [p.grad.clone() for p in agent.critic_cnn.parameters()]
    torch_state = torch.get_rng_state()
    failures(agent)
    assert agent.parameters_sha256() == weights
    assert torch.equal(agent.generator.get_state(), state)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert agent.updates == updates
    assert all(map(torch.equal, gradients, (p.grad for p in agent.critic_cnn.parameters())))


@pytest.mark.parametrize("encoder", ["shared_critic", "shared_actor"])
def test_a_shared_cnn_is_held_to_what_holds_of_it(small_config, make_batch, failures, encoder):
    agent = TD3Agent.create(replace(small_config, encoder=encoder), seed=1)
    agent.train(make_batch(agent.config))
    assert failures(agent) == set()
    names = {row.name for row in run_checks(agent, make_batch(agent.config), ACTIONS)}
    assert "one CNN for actor and critic, another for their targets" in names
    assert "two distinct CNN instances" not in names
    other = "actor" if encoder == "shared_critic" else "critic"
    agent.optimizers[other].add_param_group({"params": list(agent.actor_cnn.parameters())})
    assert failures(agent) == {"CNN parameters in their network's optimiser"}


def test_two_cnns_where_one_is_to_be_shared_fail(small_config, failures):
    agent = TD3Agent.create(replace(small_config, encoder="shared_critic"), seed=1)
    agent.critic_cnn = make_cnn(small_config, torch.Generator().manual_seed(2))
    assert "one CNN for actor and critic, another for their targets" in failures(agent)


def test_every_row_tells_a_figure_and_a_failed_one_what_is_wrong(agent, make_batch):
    rows = run_checks(agent, make_batch(agent.config), ACTIONS * [1, 0])
    assert all(row.figure for row in rows)
    assert {row.name for row in rows if row.detail} == {"every action dimension explored"}


def test_the_same_cnn_passed_twice_fails(small_config, failures):
    generator = torch.Generator().manual_seed(1)
    cnn = make_cnn(small_config, generator)
    critic = TwinCritic(small_config, generator)
    agent = TD3Agent(small_config, cnn, cnn, Actor(small_config, generator), critic, generator)
    assert "two distinct CNN instances" in failures(agent)


def test_a_cnn_that_shares_one_layer_fails(agent, failures):
    agent.critic_cnn.cnn[0].weight = agent.actor_cnn.cnn[0].weight
    assert "two distinct CNN instances" in failures(agent)


def test_a_target_that_is_the_network_itself_fails(agent, failures):
    agent.target_critic_cnn = agent.critic_cnn
    assert {"two distinct CNN instances", "targets follow their networks"} <= failures(agent)


@pytest.mark.parametrize("name", ["actor", "critic"])
def test_a_cnn_left_out_of_the_optimiser_fails(agent, name, failures):
    agent.optimizers[name] = torch.optim.Adam(getattr(agent, name).parameters())
    assert {
        "CNN parameters in their network's optimiser",
        f"{name} update trains the {name}'s networks only",
    } <= failures(agent)


def test_a_second_optimiser_for_a_cnn_alone_fails(agent, failures):
    agent.cnn_optimizer = torch.optim.Adam(agent.critic_cnn.parameters())
    assert failures(agent) == {"no optimiser for a CNN alone"}
    del agent.cnn_optimizer
    agent.optimizers["actor_cnn"] = torch.optim.Adam(agent.actor_cnn.parameters())
    assert failures(agent) == {"no optimiser for a CNN alone"}


def test_a_frozen_layer_fails(agent, failures):
    agent.actor_cnn.cnn[2].weight.requires_grad_(False)
    assert failures(agent) == {"gradients in every layer"}


def test_a_cnn_in_eval_mode_fails(agent, failures):
    agent.critic_cnn.eval()
    assert failures(agent) == {"both CNNs in training mode"}


def test_gradients_beyond_the_clip_fail(small_config, failures, monkeypatch):
    agent = TD3Agent.create(replace(small_config, critic_grad_clip=1e-3), seed=1)
    assert failures(agent) == set()
    monkeypatch.setattr(td3, "clip_grads_with_norm_", lambda *_: None)
    assert failures(agent) == {"gradients within the clip"}


def test_a_constant_action_dimension_fails(agent, failures):
    for constant in (ACTIONS * [0, 1], ACTIONS * [1, 0] + [0, 0.3], ACTIONS[:1]):
        assert failures(agent, constant) == {"every action dimension explored"}


def broken(small_config, choose):
    """An agent whose choice of features has been tampered with."""

    class Broken(TD3Agent):
        def extract_features(self, obs, use_actor_cnn, enable_grad, target=False):
            choice = choose(use_actor_cnn, enable_grad, target)
            return super().extract_features(obs, *choice)

    return Broken.create(small_config, seed=1)


def test_no_grad_in_the_critic_path_fails(small_config, failures):
    agent = broken(small_config, lambda actor, grad, target: (actor, grad and actor, target))
    assert {
        "gradients in every layer",
        "critic update trains the critic's networks only",
    } <= failures(agent)


def test_the_actors_cnn_in_the_critic_update_fails(small_config, failures):
    agent = broken(small_config, lambda actor, grad, target: (actor or grad, grad, target))
    assert "critic update trains the critic's networks only" in failures(agent)


def test_the_critics_cnn_in_the_actor_update_fails(small_config, failures):
    agent = broken(small_config, lambda actor, grad, target: (actor and not grad, grad, target))
    assert "actor update trains the actor's networks only" in failures(agent)


def test_acting_through_the_critics_cnn_fails(small_config, failures):
    agent = broken(
        small_config, lambda actor, grad, target: (actor and (grad or target), grad, target)
    )
    assert failures(agent) == {"acting uses actor_cnn"}


def test_actor_features_fed_to_q1_fail(small_config, failures):
    agent = broken(
        small_config, lambda actor, grad, target: (actor or not (grad or target), grad, target)
    )
    assert failures(agent) == {"the actor's Q1 sees the critic's own features"}


def test_target_values_from_the_online_cnns_fail(small_config, failures):
    agent = broken(small_config, lambda actor, grad, target: (actor, grad, False))
    assert failures(agent) == {"target values use both target CNNs"}


def test_targets_that_stand_still_fail(small_config, failures):
    class Broken(TD3Agent):
        def update_targets(self):
            pass

    assert failures(Broken.create(small_config, seed=1)) == {"targets follow their networks"}


def test_an_agent_that_cannot_update_fails_its_rows_and_the_others_still_run(agent, failures):
    agent.critic.q1_mlp[0].weight.data.fill_(float("nan"))
    failed = failures(agent)
    assert "gradients in every layer" in failed
    assert "two distinct CNN instances" not in failed
