import numpy as np
import pytest
import torch

from td3_driving.learning import Actor, NatureCNN, TD3Config, TwinCritic, make_cnn
from td3_driving.learning.errors import ShapeError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_nature_cnn_has_the_published_layers():
    shapes = {k: tuple(v.shape) for k, v in make_cnn(TD3Config(), generator()).named_parameters()}
    assert shapes == {
        "cnn.0.weight": (32, 4, 8, 8),
        "cnn.0.bias": (32,),
        "cnn.2.weight": (64, 32, 4, 4),
        "cnn.2.bias": (64,),
        "cnn.4.weight": (64, 64, 3, 3),
        "cnn.4.bias": (64,),
        "linear.0.weight": (512, 3136),
        "linear.0.bias": (512,),
    }


def test_nature_cnn_computes_what_plain_layers_compute():
    cnn = make_cnn(TD3Config(), generator())
    image = torch.randint(0, 256, (2, 4, 84, 84), dtype=torch.uint8, generator=generator())
    x = image.float() / 255 - 0.4
    weights = dict(cnn.named_parameters())
    for name, stride in (("cnn.0", 4), ("cnn.2", 2), ("cnn.4", 1)):
        x = torch.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride).relu()
    x = (x.flatten(1) @ weights["linear.0.weight"].T + weights["linear.0.bias"]).relu()
    torch.testing.assert_close(cnn(image), x, rtol=1e-5, atol=1e-6)


def test_kaiming_init_keeps_the_scale_of_the_signal():
    cnn = make_cnn(TD3Config(), generator())
    image = torch.randint(0, 256, (4, 4, 84, 84), dtype=torch.uint8, generator=generator())
    entering = (image.float() / 255 - 0.4).square().mean().sqrt()
    assert 0.5 < cnn(image).square().mean().sqrt() / entering < 2.0


@pytest.mark.parametrize(
    "image",
    [
        torch.zeros(1, 4, 84, 84),
        torch.zeros(1, 84, 84, 4, dtype=torch.uint8),
        torch.zeros(4, 84, 84, dtype=torch.uint8),
    ],
    ids=["float", "channels_last", "no_batch_axis"],
)
def test_nature_cnn_says_what_picture_it_wants(image):
    with pytest.raises(ShapeError, match=r"uint8 pictures of shape \(batch, 4, 84, 84\).*got"):
        make_cnn(TD3Config(), generator())(image)


def test_weights_come_from_the_generator_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = NatureCNN((4, 36, 36), 8, 0.4, generator(3))
    assert torch.equal(before, torch.get_rng_state())
    second = NatureCNN((4, 36, 36), 8, 0.4, generator(3))
    assert all(map(torch.equal, first.parameters(), second.parameters()))


def test_first_actions_lie_where_tanh_has_slope():
    config = TD3Config()
    state = torch.randn(64, 565, generator=generator())
    action, pre_tanh = Actor(config, generator())(state)
    assert action.shape == pre_tanh.shape == (64, 2)
    assert pre_tanh.abs().max() < 0.1


def test_twin_critics_differ_and_q1_is_the_first():
    config = TD3Config()
    critic = TwinCritic(config, generator())
    state = torch.randn(3, 565, generator=generator())
    action = torch.zeros(3, 2)
    q1, q2 = critic(state, action)
    assert torch.equal(critic.q1(state, action), q1)
    assert not torch.equal(q1, q2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("actor_lr", 0.0),
        ("critic_lr", float("nan")),
        ("gamma", 1.5),
        ("tau", 0.0),
        ("policy_delay", 0),
        ("batch_size", 2.5),
        ("image_shape", (4, 20, 84)),
        ("hidden", ()),
        ("target_noise", -0.1),
        ("critic_grad_clip", float("inf")),
    ],
)
def test_config_refuses_by_name(field, value):
    with pytest.raises(ValueError, match=rf"TD3Config\.{field} is .* must be"):
        TD3Config(**{field: value})


def test_config_survives_json_and_refuses_unknown_fields():
    config = TD3Config(hidden=(8, 8, 8))
    assert TD3Config.from_dict(config.to_dict()) == config
    with pytest.raises(ValueError, match=r"unknown fields.*'speed'"):
        TD3Config.from_dict({**config.to_dict(), "speed": 1})


def test_number_of_waypoints_is_free():
    config = TD3Config(vector_dim=3 + 2 * 40)
    state = torch.zeros(1, config.features_dim + 83)
    assert np.isfinite(Actor(config, generator())(state)[0].detach().numpy()).all()
