import copy
import math
from pathlib import Path

from by_hand import batches, digits, linear, network, steps, weights
from mnist_helpers.models import CNN, WideCNN
from mnist_helpers.training import (
    History,
    evaluate,
    fit,
    fit_one_cycle,
    get_device,
    load_checkpoint,
    save_checkpoint,
    train_one_epoch,
)
import pytest
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_the_device_is_cuda_before_mps_before_the_cpu(monkeypatch, cuda, mps, expected) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setenv("MNIST_DEVICE", "")
    assert get_device() == torch.device(expected)
    monkeypatch.setenv("MNIST_DEVICE", "meta")
    assert get_device() == torch.device("meta")
    monkeypatch.setenv("MNIST_DEVICE", "gpu")
    with pytest.raises(RuntimeError, match=r"cpu, .*cuda.* device string: gpu"):
        get_device()


# A training


def trained(watching=None):
    """Three epochs of shuffled batches, the last of them smaller, and 200 digits to validate on."""
    model = network()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)  # what is there from before must not count
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loader = DataLoader(digits(), batch_size=64, shuffle=True)
    validation = batches(200, start=300, batch_size=64)
    return fit(model, loader, optimizer, 3, validation, **(watching or {"progress": False})), model


@pytest.fixture(scope="module")
def result():
    return trained()


def test_a_training_is_what_pytorch_makes_of_it_by_hand_and_learns_to_read(result) -> None:
    history, model = result
    by_hand = network()
    optimizer = torch.optim.Adam(by_hand.parameters(), lr=0.01)
    loader = DataLoader(digits(), batch_size=64, shuffle=True)
    images, labels = next(iter(batches(200, start=300, batch_size=200)))
    for epoch in range(3):
        losses, correct = steps(by_hand, loader, optimizer)
        assert history.losses[epoch] == losses
        assert history.train_accuracy[epoch] == correct / 300
        with torch.no_grad():
            logits = by_hand.eval()(images)
        # At once, so that every digit counts alike; the mean of the batches' means is another one.
        loss = F.cross_entropy(logits, labels).item()
        assert history.validation_loss[epoch] == pytest.approx(loss, rel=1e-5)
        right = (logits.argmax(dim=1) == labels).sum().item()
        assert history.validation_accuracy[epoch] == right / 200
    assert len(history.losses) == 3
    assert weights(model) == weights(by_hand)
    assert history.train_accuracy[-1] > 0.7
    assert history.validation_accuracy[-1] > 0.7


def test_evaluating_changes_neither_weights_nor_statistics_and_builds_no_graph(result) -> None:
    model, graphs = copy.deepcopy(result[1]), []
    model.register_forward_hook(lambda *call: graphs.append(call[2].requires_grad))
    before = weights(model)
    evaluate(model.train(), batches(), nn.CrossEntropyLoss())
    assert weights(model) == before
    assert graphs == [False] * 5


def test_batches_may_come_in_any_kind(result) -> None:
    expected = evaluate(result[1], DataLoader(digits(), batch_size=64), F.cross_entropy)
    for kind in (batches(), list(batches()), [list(pair) for pair in batches()], iter(batches())):
        assert evaluate(result[1], kind, F.cross_entropy) == expected


class Travelling(torch.Tensor):
    """A tensor that notes where it is sent."""

    def to(self, device):
        self.sent.append(device)
        return self.as_subclass(torch.Tensor)


def test_batches_are_moved_to_the_device_of_the_model() -> None:
    sent = Travelling.sent = []
    pair = tuple(part.as_subclass(Travelling) for part in next(iter(batches(8))))
    model = linear()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train_one_epoch(model, [pair], F.cross_entropy, optimizer)
    evaluate(model, [pair], F.cross_entropy)
    fit_one_cycle(model, [pair], 1, 0.01, progress=False)
    assert sent == [torch.device("cpu")] * 6


def test_watching_a_training_changes_no_number_and_tells_each_loss_before_its_step(
    result, capsys
) -> None:
    told, lines = [], []

    def at_the_end(epoch):
        told.append(epoch)
        lines.extend(capsys.readouterr().out.splitlines())
        assert len(lines) == epoch

    history, model = trained({"on_batch": told.append, "on_epoch": at_the_end, "log_every": 2})
    assert history == result[0]
    assert weights(model) == weights(result[1])
    assert {type(value) for value in told} == {float, int}
    assert told == [value for epoch in range(3) for value in (*history.losses[epoch], epoch + 1)]
    first, last = history.losses[0], history.losses[2]
    assert lines[0].startswith(f"epoch  1  loss {first[1]:.3f} {first[3]:.3f}  training accuracy ")
    assert lines[2] == (
        f"epoch  3  loss {last[1]:.3f} {last[3]:.3f}  training accuracy "
        f"{history.train_accuracy[2]:.2%}  validation accuracy {history.validation_accuracy[2]:.2%}"
    )
    assert "15/15" in capsys.readouterr().err


def test_a_loss_function_is_used_no_validation_set_needed_and_nothing_printed(capfd) -> None:
    model = linear()
    images, labels = next(iter(batches()))
    expected = F.multi_margin_loss(model(images), labels).item()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = fit(
        model, batches(), optimizer, 1, loss_function=nn.MultiMarginLoss(), progress=False
    )
    assert history.losses[0][0] == pytest.approx(expected)
    assert (history.validation_loss, history.validation_accuracy) == ([], [])
    assert capfd.readouterr() == ("", "")


# Mistakes that would be silent


def test_an_optimizer_of_another_network_is_refused() -> None:
    before, optimizer = linear(), torch.optim.SGD(linear().parameters(), lr=0.1)
    with pytest.raises(ValueError, match=r"made for another network.* from model\.parameters\(\)"):
        fit(before, batches(), optimizer, 1, progress=False)


def test_a_training_stops_at_the_first_loss_that_is_nan_and_has_not_learned_from_it() -> None:
    model, told = linear(), []
    few = list(batches())
    few[2][0][5] = math.nan
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(FloatingPointError, match=r"of batch 3 of epoch 1 is nan.*from 0 to 1"):
        fit(model, few, optimizer, 2, progress=False, on_batch=told.append)
    assert len(told) == 2
    assert all(weight.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize(
    ("count", "where"),
    [(128, "of batch 2 of epoch 1"), (64, "on the validation set after epoch 1")],
)
def test_a_learning_rate_that_is_too_high_is_named_where_the_loss_is_lost(count, where) -> None:
    model, history = linear(), History()
    validation = batches(50, start=300)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e38)
    with pytest.raises(FloatingPointError, match=rf"{where} is (nan|inf).*learning rate"):
        fit(model, batches(count), optimizer, 2, validation, progress=False, history=history)
    assert history == History(), "no half of an epoch"


# Checkpoints


def saved_training(path):
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    train_one_epoch(model, batches(), F.cross_entropy, optimizer)
    save_checkpoint(path, model, optimizer, epoch=7)
    return model, optimizer


@pytest.mark.parametrize("kind", [str, Path])
def test_a_loaded_training_goes_on_as_if_it_had_never_stopped(tmp_path, kind) -> None:
    path = kind(tmp_path / "network.pt")
    model, optimizer = saved_training(path)
    resumed = network(seed=1)
    # Another learning rate, and no moments yet: both have to come from the file.
    resumed_optimizer = torch.optim.Adam(resumed.parameters(), lr=0.5)
    assert load_checkpoint(path, resumed, resumed_optimizer) == 7
    assert weights(resumed) == weights(model)
    for pair in ((model, optimizer), (resumed, resumed_optimizer)):
        torch.manual_seed(2)
        train_one_epoch(pair[0], batches(), F.cross_entropy, pair[1])
    assert weights(resumed) == weights(model)


def test_a_checkpoint_may_be_saved_or_loaded_without_its_optimizer(tmp_path) -> None:
    path, other = tmp_path / "network.pt", network(seed=1)
    model, _ = saved_training(path)
    assert load_checkpoint(path, other) == 7
    assert weights(other) == weights(model)
    save_checkpoint(path, network(seed=2))
    assert load_checkpoint(path, other) == 0
    assert weights(other) == weights(network(seed=2))
    assert list(tmp_path.iterdir()) == [path], "the first file was replaced, and no other is left"


def without_output():
    model = CNN()
    del model.output
    return model


@pytest.mark.parametrize(
    ("make", "difference"),
    [
        (
            WideCNN,
            "WideCNN: block_1.0.weight is [16, 1, 3, 3] in the file and [16, 1, 5, 5] in the ",
        ),
        (lambda: nn.Linear(2, 3), "Linear: weight is absent in the file and [3, 2] in the model. "),
        (
            without_output,
            "CNN: output.1.weight is [10, 3136] in the file and absent in the model. ",
        ),
    ],
    ids=["other sizes", "other names", "a part is missing"],
)
def test_both_networks_are_named_where_they_differ(tmp_path, make, difference) -> None:
    path, model, saved = tmp_path / "network.pt", make(), CNN()
    save_checkpoint(path, saved, torch.optim.Adam(saved.parameters(), lr=0.5))
    optimizer = torch.optim.Adam(model.parameters())
    before = weights(model), optimizer.state_dict()
    with pytest.raises(ValueError, match="Make the network that was saved, then load") as caught:
        load_checkpoint(path, model, optimizer)
    assert f"{path} was saved from CNN and does not fit this {difference}" in str(caught.value)
    assert (weights(model), optimizer.state_dict()) == before


def test_an_optimizer_that_was_not_saved_is_named_and_the_model_left_as_it_was(tmp_path) -> None:
    model = network(seed=1)
    before = weights(model)
    groups = [{"params": model[0].parameters()}, {"params": model[1].parameters()}]
    saved_training(tmp_path / "Adam.pt")
    save_checkpoint(tmp_path / "none.pt", network())
    for name, optimizer, said in [
        ("none.pt", torch.optim.Adam(model.parameters()), "with no optimizer and does not fit"),
        ("Adam.pt", torch.optim.SGD(model.parameters()), "with Adam and does not fit this SGD"),
        ("Adam.pt", torch.optim.Adam(groups), "parameter group"),
    ]:
        with pytest.raises(ValueError, match=said):
            load_checkpoint(tmp_path / name, model, optimizer)
        assert weights(model) == before
