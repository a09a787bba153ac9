import math

from by_hand import batches, digits, learner, linear, network, steps, weights
from mnist_helpers.models import CNN, WideCNN
from mnist_helpers.training import History, evaluate, fit, load_checkpoint, save_checkpoint
import pytest
import torch
from torch import nn
import torch.nn.functional as F
from torch.optim import SGD, Adam
from torch.utils.data import DataLoader


def trained(**watching):
    model, optimizer = learner(network)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)  # what is there from before must not count
    loader = DataLoader(digits(), batch_size=64, shuffle=True)
    return fit(model, loader, optimizer, 3, batches(200, start=300), **watching), model


@pytest.fixture(scope="module")
def result():
    return trained(progress=False)


def test_a_training_is_what_pytorch_makes_of_it_by_hand(result):
    history, model = result
    by_hand, optimizer = learner(network)
    loader = DataLoader(digits(), batch_size=64, shuffle=True)
    [(images, labels)] = batches(200, batch_size=200, start=300)
    expected = History()
    for _ in range(3):
        losses, correct = steps(by_hand, loader, optimizer)
        expected.losses.append(losses)
        expected.train_accuracy.append(correct / 300)
        with torch.no_grad():
            logits = by_hand.eval()(images)
        # At once, so that every digit counts alike; the mean of the batches' means is another one.
        loss = F.cross_entropy(logits, labels).item()
        expected.validation_loss.append(pytest.approx(loss, rel=1e-5))
        expected.validation_accuracy.append((logits.argmax(dim=1) == labels).sum().item() / 200)
    assert history == expected
    assert weights(model) == weights(by_hand)
    assert min(history.train_accuracy[-1], history.validation_accuracy[-1]) > 0.7


def test_evaluating_changes_nothing_and_builds_no_graph(result):
    model, graphs = network(), []
    model.register_forward_hook(lambda *call: graphs.append(call[2].requires_grad))
    before = weights(model)
    expected = evaluate(model.train(), DataLoader(digits(), batch_size=64), F.cross_entropy)
    for kind in (batches(), iter(batches()), [list(pair) for pair in batches()]):
        assert evaluate(model.train(), kind, F.cross_entropy) == expected
    assert weights(model) == before
    assert graphs == [False] * 20


def test_watching_a_training_changes_no_number(result, capsys):
    told = []
    history, model = trained(on_batch=told.append, on_epoch=told.append, log_every=2)
    assert (history, weights(model)) == (result[0], weights(result[1]))
    assert told == [value for epoch in range(3) for value in (*history.losses[epoch], epoch + 1)]
    lines, bar = capsys.readouterr()
    _, second, _, fourth, _ = history.losses[2]
    assert lines.splitlines()[2:] == [
        f"epoch  3  loss {second:.3f} {fourth:.3f}  training accuracy "
        f"{history.train_accuracy[2]:.2%}  validation accuracy {history.validation_accuracy[2]:.2%}"
    ]
    assert "15/15" in bar


def test_a_loss_function_is_used_and_nothing_printed(capfd):
    model, by_hand = linear(), linear()
    margin, optimizer = nn.MultiMarginLoss(), SGD(model.parameters(), lr=0.1)
    history = fit(model, batches(), optimizer, 1, loss_function=margin, progress=False)
    losses, correct = steps(by_hand, batches(), SGD(by_hand.parameters(), lr=0.1), margin)
    assert history == History([losses], [correct / 300])
    assert capfd.readouterr() == ("", "")


def test_an_optimizer_of_another_network_is_refused():
    optimizer = SGD(linear().parameters(), lr=0.1)
    with pytest.raises(ValueError, match=r"made for another network.* from model\.parameters\(\)"):
        fit(linear(), batches(), optimizer, 1, progress=False)


def test_a_training_stops_before_it_learns_from_a_nan():
    model, told, few = linear(), [], list(batches())
    few[2][0][5] = math.nan
    optimizer = SGD(model.parameters(), lr=0.1)
    with pytest.raises(FloatingPointError, match=r"of batch 3 of epoch 1 is nan.*from 0 to 1"):
        fit(model, few, optimizer, 2, progress=False, on_batch=told.append)
    assert len(told) == 2
    assert all(weight.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize(
    ("count", "where"),
    [(128, "of batch 2 of epoch 1"), (64, "on the validation set after epoch 1")],
)
def test_a_learning_rate_that_is_too_high_is_named(count, where):
    model, history = linear(), History()
    optimizer = SGD(model.parameters(), lr=1e38)
    with pytest.raises(FloatingPointError, match=rf"{where} is (nan|inf).*learning rate"):
        fit(model, batches(count), optimizer, 2, batches(50), progress=False, history=history)
    assert history == History()


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_a_loaded_training_goes_on_as_if_it_had_never_stopped(tmp_path, monkeypatch, device):
    path, saved = tmp_path / "network.pt", learner(network)
    steps(saved[0], batches(), saved[1])
    with monkeypatch.context() as patch:
        # What torch writes beside each tensor: where it lies.
        patch.setattr(torch.serialization, "location_tag", lambda storage: device)
        save_checkpoint(str(path), *saved, epoch=7)
    assert device.encode() in path.read_bytes()
    # Another learning rate, and no moments yet: both have to come from the file.
    resumed, alone = learner(network, seed=1, rate=0.5), network(seed=1)
    assert load_checkpoint(str(path), *resumed) == load_checkpoint(path, alone) == 7
    assert weights(resumed[0]) == weights(alone) == weights(saved[0])
    for model, optimizer in (saved, resumed):
        torch.manual_seed(2)
        steps(model, batches(), optimizer)
    assert weights(resumed[0]) == weights(saved[0]) != weights(alone)
    save_checkpoint(path, network(seed=2))
    assert load_checkpoint(path, alone) == 0
    assert weights(alone) == weights(network(seed=2))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("make", "difference"),
    [
        (WideCNN, "WideCNN: block_1.0.weight is [16, 1, 3, 3] in the file and [16, 1, 5, 5] in"),
        (lambda: nn.Linear(2, 3), "Linear: weight is absent in the file and [3, 2] in the model."),
        (nn.Flatten, "Flatten: block_1.0.weight is [16, 1, 3, 3] in the file and absent in the"),
    ],
)
def test_both_networks_are_named_where_they_differ(tmp_path, make, difference):
    path, model = tmp_path / "network.pt", make()
    save_checkpoint(path, CNN())
    before = weights(model)
    with pytest.raises(ValueError, match="Make the network that was saved, then load") as caught:
        load_checkpoint(path, model)
    assert f"{path} was saved from CNN and does not fit this {difference}" in str(caught.value)
    assert weights(model) == before


def test_an_optimizer_that_does_not_fit_leaves_the_model_as_it_was(tmp_path):
    model = network(seed=1)
    before = weights(model)
    groups = [{"params": model[0].parameters()}, {"params": model[1].parameters()}]
    save_checkpoint(tmp_path / "Adam.pt", *learner(network))
    with pytest.raises(ValueError, match="was saved with Adam and does not fit this SGD"):
        load_checkpoint(tmp_path / "Adam.pt", model, SGD(model.parameters(), lr=1))
    with pytest.raises(ValueError, match="parameter group"):
        load_checkpoint(tmp_path / "Adam.pt", model, Adam(groups))
    assert weights(model) == before
