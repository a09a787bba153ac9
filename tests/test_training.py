import copy
import errno
import os
from pathlib import Path
import pickle

from mnist_helpers.models import CNN, WideCNN
from mnist_helpers.training import (
    evaluate,
    fit,
    get_device,
    load_checkpoint,
    save_checkpoint,
    train_one_epoch,
)
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

CLASSES = 4


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def digits(count=40, seed=0):
    """Pictures of 4×4 pixels in four classes that a linear layer can tell apart: each has a bright row."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    images = torch.rand(count, 1, 4, 4, generator=generator)
    images[torch.arange(count), 0, labels] += 1
    return TensorDataset(images, labels)


def loader(count=40, batch_size=8, shuffle=False, seed=0):
    return DataLoader(digits(count, seed), batch_size=batch_size, shuffle=shuffle)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, CLASSES)
    )


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, CLASSES))


def weights(model):
    return {name: tensor.tolist() for name, tensor in model.state_dict().items()}


def gradients(model):
    return [None if p.grad is None else p.grad.tolist() for p in model.parameters()]


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [
        (True, True, "cuda"),
        (True, False, "cuda"),
        (False, True, "mps"),
        (False, False, "cpu"),
    ],
)
def test_the_device_is_cuda_before_mps_before_the_cpu(monkeypatch, cuda, mps, expected) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.delenv("MNIST_DEVICE", raising=False)
    assert get_device() == torch.device(expected)
    monkeypatch.setenv("MNIST_DEVICE", "cpu")
    assert get_device() == torch.device("cpu")


def test_training_lowers_the_loss_and_reads_more_digits_rightly() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    epochs = [train_one_epoch(model, loader(), nn.CrossEntropyLoss(), optimizer) for _ in range(15)]
    (first_losses, first_accuracy), (last_losses, last_accuracy) = epochs[0], epochs[-1]
    assert sum(last_losses) < 0.2 * sum(first_losses)
    assert last_accuracy > first_accuracy + 0.2


def test_an_epoch_is_one_step_of_gradient_descent_for_each_batch() -> None:
    model = linear()
    by_hand = copy.deepcopy(model)
    batches = list(loader(count=19))
    losses, correct = [], 0
    for images, labels in batches:
        logits = by_hand(images)
        loss = nn.functional.cross_entropy(logits, labels)
        losses.append(loss.item())
        correct += sum(
            int(row.argmax()) == label for row, label in zip(logits, labels, strict=True)
        )
        slopes = torch.autograd.grad(loss, list(by_hand.parameters()))
        with torch.no_grad():
            for parameter, slope in zip(by_hand.parameters(), slopes, strict=True):
                parameter -= 0.5 * slope

    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    # What an earlier use left in the gradients must not count.
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    result = train_one_epoch(model, batches, nn.CrossEntropyLoss(), optimizer)

    assert result[0] == pytest.approx(losses)
    assert len(result[0]) == 3
    assert result[1] == correct / 19
    for parameter, expected in zip(model.parameters(), by_hand.parameters(), strict=True):
        assert torch.allclose(parameter, expected)


def test_training_happens_in_training_mode_and_evaluation_in_evaluation_mode() -> None:
    model = network()
    modes = []
    model[2].register_forward_hook(lambda module, *_: modes.append(module.training))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.eval()
    train_one_epoch(model, loader(16), nn.CrossEntropyLoss(), optimizer)
    assert modes == [True, True]
    assert model.training
    modes.clear()
    evaluate(model, loader(16), nn.CrossEntropyLoss())
    assert modes == [False, False]
    assert not model.training


class Parcel:
    """Stands for a tensor on another device, and for one only: it can do nothing but come over."""

    def __init__(self, content, log):
        self.content, self.log = content, log

    def to(self, device):
        self.log.append(torch.device(device))
        return self.content

    def __len__(self):
        return len(self.content)


@pytest.mark.parametrize("task", ["train", "evaluate"])
def test_batches_are_moved_to_the_device_of_the_model(task) -> None:
    model, log = linear(), []
    parcels = [(Parcel(images, log), Parcel(labels, log)) for images, labels in loader(16)]
    if task == "train":
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        train_one_epoch(model, parcels, nn.CrossEntropyLoss(), optimizer)
    else:
        evaluate(model, parcels, nn.CrossEntropyLoss())
    assert log == [torch.device("cpu")] * 4


def test_every_digit_counts_alike_though_the_last_batch_is_smaller() -> None:
    model = linear().eval()
    dataset = digits(17)
    # The lone digit of the last batch is made to be read wrongly, the others are what they are.
    dataset.tensors[1][16] = (model(dataset.tensors[0][16:]).argmax() + 1) % CLASSES
    cut = [evaluate(model, DataLoader(dataset, batch_size=8), nn.CrossEntropyLoss())]
    cut += [evaluate(model, DataLoader(dataset, batch_size=5), nn.CrossEntropyLoss())]
    whole = evaluate(model, DataLoader(dataset, batch_size=17), nn.CrossEntropyLoss())
    assert cut == [pytest.approx(whole), pytest.approx(whole)]

    logits = model(dataset.tensors[0])
    assert whole[0] == pytest.approx(nn.functional.cross_entropy(logits, dataset.tensors[1]).item())
    assert whole[1] == (logits.argmax(dim=1) == dataset.tensors[1]).sum().item() / 17

    # The mean of the batches' means is another number here, or the comparison would prove nothing.
    batches = DataLoader(dataset, batch_size=8)
    means = [evaluate(model, [batch], nn.CrossEntropyLoss()) for batch in batches]
    for position in (0, 1):
        assert abs(sum(mean[position] for mean in means) / 3 - whole[position]) > 0.01


def test_evaluating_changes_neither_weights_nor_statistics_nor_gradients() -> None:
    model = network()
    model(digits().tensors[0]).sum().backward()
    before = weights(model), gradients(model)
    first = evaluate(model, loader(), nn.CrossEntropyLoss())
    assert (weights(model), gradients(model)) == before
    assert evaluate(model, loader(), nn.CrossEntropyLoss()) == first


def test_evaluating_builds_no_graph_for_gradients() -> None:
    model, seen = linear(), []
    model.register_forward_hook(lambda *call: seen.append(call[2].requires_grad))
    evaluate(model, loader(16), nn.CrossEntropyLoss())
    assert seen == [False, False]


@pytest.mark.parametrize("task", ["train", "evaluate", "fit", "fit with validation"])
def test_a_loader_without_a_batch_is_refused(task) -> None:
    model, loss_function = linear(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    calls = {
        "train": lambda: train_one_epoch(model, [], loss_function, optimizer),
        "evaluate": lambda: evaluate(model, [], loss_function),
        "fit": lambda: fit(model, [], optimizer, 1, progress=False),
        "fit with validation": lambda: fit(
            model, loader(), optimizer, 1, validation_loader=[], progress=False
        ),
    }
    with pytest.raises(ValueError, match="holds no batch"):
        calls[task]()


def test_fit_is_train_one_epoch_and_evaluate_again_and_again() -> None:
    model = network()
    by_hand = copy.deepcopy(model)

    torch.manual_seed(5)
    optimizer = torch.optim.Adam(by_hand.parameters(), lr=0.01)
    train_loader, validation_loader = loader(20, shuffle=True), loader(12, seed=1)
    trained, validated = [], []
    for _ in range(3):
        trained.append(train_one_epoch(by_hand, train_loader, nn.CrossEntropyLoss(), optimizer))
        validated.append(evaluate(by_hand, validation_loader, nn.CrossEntropyLoss()))

    torch.manual_seed(5)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    history = fit(
        model,
        loader(20, shuffle=True),
        optimizer,
        epochs=3,
        validation_loader=loader(12, seed=1),
        progress=False,
    )
    assert [len(losses) for losses in history.losses] == [3, 3, 3]
    assert history.losses == [losses for losses, _ in trained]
    assert history.train_accuracy == [accuracy for _, accuracy in trained]
    assert history.validation_loss == [loss for loss, _ in validated]
    assert history.validation_accuracy == [accuracy for _, accuracy in validated]
    assert weights(model) == weights(by_hand)


def fit_quietly(model, **arguments):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return fit(model, loader(), optimizer, **{"epochs": 2, "progress": False, **arguments})


def test_without_a_validation_set_its_lists_stay_empty() -> None:
    history = fit_quietly(linear())
    assert (history.validation_loss, history.validation_accuracy) == ([], [])
    assert len(history.train_accuracy) == 2


def test_two_histories_share_no_list() -> None:
    assert len(fit_quietly(linear()).losses) == len(fit_quietly(linear()).losses) == 2


def test_a_loss_function_that_is_given_is_used() -> None:
    model = linear()
    images, labels = next(iter(loader()))
    expected = nn.functional.multi_margin_loss(model(images), labels).item()
    history = fit_quietly(model, loss_function=nn.MultiMarginLoss())
    assert history.losses[0][0] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["epochs", "log_every"])
@pytest.mark.parametrize("value", [0, -1])
def test_fewer_than_one_is_refused_before_anything_is_trained(name, value) -> None:
    model = linear()
    before = weights(model)
    with pytest.raises(ValueError, match=f"^{name} is {value}, and has to be at least 1"):
        fit_quietly(model, **{name: value})
    assert weights(model) == before


@pytest.mark.parametrize("validation", [False, True])
def test_each_epoch_is_told_in_one_line_with_the_loss_at_every_so_many_batches(
    capsys, validation
) -> None:
    arguments = {"validation_loader": loader(12, seed=1)} if validation else {}
    history = fit_quietly(linear(), progress=True, log_every=2, **arguments)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for number, line in enumerate(lines):
        losses = history.losses[number]
        assert (
            line.split("  training")[0]
            == f"epoch  {number + 1}  loss {losses[1]:.3f} {losses[3]:.3f}"
        )
        assert f"training accuracy {history.train_accuracy[number]:.2%}" in line
        if validation:
            assert line.endswith(f"validation accuracy {history.validation_accuracy[number]:.2%}")
        else:
            assert "validation" not in line


def test_the_bar_counts_every_batch_of_every_epoch(capsys) -> None:
    fit_quietly(linear(), progress=True)
    bar = capsys.readouterr().err
    assert "epoch 2 of 2" in bar
    assert "10/10" in bar


def test_without_progress_nothing_is_printed(capfd) -> None:
    fit_quietly(linear(), validation_loader=loader(12, seed=1))
    assert tuple(capfd.readouterr()) == ("", "")


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    trained = []
    for seed in (3, 3, 4):
        model = network(seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        fit(model, loader(shuffle=True), optimizer, 2, progress=False)
        trained.append(weights(model))
    assert trained[0] == trained[1]
    assert trained[0] != trained[2]


def test_the_loss_of_each_training_batch_is_told_in_order_and_none_of_the_validation() -> None:
    told = []
    history = fit_quietly(linear(), validation_loader=loader(12, seed=1), on_batch=told.append)
    assert told == [loss for epoch in history.losses for loss in epoch]
    assert len(told) == 10
    assert {type(loss) for loss in told} == {float}


def test_the_loss_is_told_before_the_step_that_follows_from_it() -> None:
    model = linear()
    batches = list(loader())
    before = []

    def tell(loss):
        # What the model gives now for this batch is the loss: it has not yet learned from it.
        images, labels = batches[len(before) % 5]
        with torch.no_grad():
            before.append((loss, nn.functional.cross_entropy(model(images), labels).item()))

    fit_quietly(model, on_batch=tell)
    assert len(before) == 10
    for told, now in before:
        assert now == pytest.approx(told)


def test_the_epochs_are_told_from_one_on_each_after_its_training_and_its_validation(capsys) -> None:
    events = []

    class Watched:
        """A loader that tells when it has been read to its end."""

        def __init__(self, name, batches):
            self.name, self.batches = name, batches

        def __len__(self):
            return len(self.batches)

        def __iter__(self):
            yield from self.batches
            events.append(self.name)

    def tell(epoch):
        events.append(epoch)
        # The epoch's line is out, and the next one's is not.
        assert capsys.readouterr().out.startswith(f"epoch {epoch:2d} ")

    model = linear()
    history = fit(
        model,
        Watched("training", list(loader())),
        torch.optim.SGD(model.parameters(), lr=0.1),
        3,
        validation_loader=Watched("validation", list(loader(12, seed=1))),
        on_epoch=tell,
    )
    told = [("training", "validation", epoch) for epoch in (1, 2, 3)]
    assert events == [event for epoch in told for event in epoch]
    assert len(history.losses) == len(history.validation_accuracy) == 3


def test_at_the_end_of_an_epoch_the_model_is_what_so_many_epochs_make_of_it() -> None:
    model, seen = linear(), []
    fit_quietly(model, epochs=3, on_epoch=lambda epoch: seen.append(weights(model)))
    expected = []
    for epochs in (1, 2, 3):
        shorter = linear()
        fit_quietly(shorter, epochs=epochs)
        expected.append(weights(shorter))
    assert seen == expected


@pytest.mark.parametrize("validation", [False, True])
def test_a_training_that_is_watched_is_bit_for_bit_the_one_that_is_not(validation) -> None:
    def trained(**watching):
        model = network(3)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        if validation:
            watching["validation_loader"] = loader(12, seed=1)
        history = fit(model, loader(shuffle=True), optimizer, 3, progress=False, **watching)
        return history, weights(model), model.training, torch.get_rng_state().tolist()

    told = []
    alone = trained()
    assert trained(on_batch=told.append, on_epoch=told.append) == alone
    assert trained(on_epoch=told.append) == alone
    assert trained(on_batch=told.append) == alone
    assert len(told) == 2 * (15 + 3)


def test_a_model_that_is_looked_at_after_an_epoch_is_trained_on_as_before() -> None:
    def trained(look):
        model = network()
        history = fit_quietly(model, epochs=3, on_epoch=lambda _: look(model))
        return history, weights(model)

    looked_at = trained(lambda model: evaluate(model, loader(12, seed=1), nn.CrossEntropyLoss()))
    assert looked_at == trained(lambda model: None)


@pytest.mark.parametrize("name", ["on_batch", "on_epoch"])
@pytest.mark.parametrize("error", [RuntimeError, ValueError, StopIteration, KeyboardInterrupt])
def test_an_error_of_the_one_who_watches_ends_the_training_at_once(name, error) -> None:
    told = []

    def fail(value):
        told.append(value)
        raise error("no more room")

    with pytest.raises(error, match="no more room"):
        fit_quietly(linear(), **{name: fail})
    assert len(told) == 1


def trained_network():
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    train_one_epoch(model, loader(), nn.CrossEntropyLoss(), optimizer)
    return model, optimizer


@pytest.fixture
def checkpoint(tmp_path):
    model, optimizer = trained_network()
    save_checkpoint(tmp_path / "network.pt", model, optimizer, epoch=7)
    return tmp_path / "network.pt"


@pytest.mark.parametrize("kind", [str, Path])
def test_a_loaded_training_goes_on_as_if_it_had_never_stopped(tmp_path, kind) -> None:
    path = kind(tmp_path / "network.pt")
    model, optimizer = trained_network()
    save_checkpoint(path, model, optimizer, epoch=7)
    resumed = network(seed=1)
    # Another learning rate, and no moments yet: both have to come from the file.
    resumed_optimizer = torch.optim.Adam(resumed.parameters(), lr=0.5)
    assert load_checkpoint(path, resumed, resumed_optimizer) == 7
    assert weights(resumed) == weights(model)
    for _ in range(2):
        train_one_epoch(model, loader(), nn.CrossEntropyLoss(), optimizer)
        train_one_epoch(resumed, loader(), nn.CrossEntropyLoss(), resumed_optimizer)
    assert weights(resumed) == weights(model)


def test_a_checkpoint_may_hold_the_model_alone(tmp_path) -> None:
    model = network()
    save_checkpoint(tmp_path / "network.pt", model)
    other = network(seed=1)
    assert load_checkpoint(tmp_path / "network.pt", other) == 0
    assert weights(other) == weights(model)


def test_a_checkpoint_with_an_optimizers_state_can_be_loaded_without_one(checkpoint) -> None:
    model = network(seed=1)
    assert load_checkpoint(checkpoint, model) == 7
    assert weights(model) == weights(trained_network()[0])


def test_a_checkpoint_from_a_graphics_card_can_be_loaded_without_one(tmp_path, monkeypatch) -> None:
    model = network()
    with monkeypatch.context() as patch:
        # What torch writes beside each tensor that lies on a card.
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        save_checkpoint(tmp_path / "network.pt", model)
    other = network(seed=1)
    load_checkpoint(tmp_path / "network.pt", other)
    assert weights(other) == weights(model)
    assert {parameter.device.type for parameter in other.parameters()} == {"cpu"}


def wider():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(16, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, CLASSES)
    )


def deeper():
    return nn.Sequential(*network(), nn.Linear(CLASSES, CLASSES))


def shallower():
    return network()[:4]


@pytest.mark.parametrize(
    ("make", "name"),
    [(wider, "1.weight"), (deeper, "5.weight"), (shallower, "4.weight"), (CNN, "")],
)
def test_a_network_that_does_not_fit_is_refused_and_left_as_it_was(checkpoint, make, name) -> None:
    model = make()
    optimizer = torch.optim.Adam(model.parameters())
    before = weights(model), optimizer.state_dict()
    with pytest.raises(ValueError, match="does not fit this") as caught:
        load_checkpoint(checkpoint, model, optimizer)
    assert "Sequential" in str(caught.value)
    assert f"this {type(model).__name__}:" in str(caught.value)
    assert name in str(caught.value)
    assert (weights(model), optimizer.state_dict()) == before


def test_both_networks_are_named_where_they_differ(tmp_path) -> None:
    save_checkpoint(tmp_path / "network.pt", CNN())
    with pytest.raises(ValueError, match="saved from CNN and does not fit this WideCNN"):
        load_checkpoint(tmp_path / "network.pt", WideCNN())


def test_an_optimizers_state_that_was_not_saved_is_missed_and_the_model_left_as_it_was(
    tmp_path,
) -> None:
    save_checkpoint(tmp_path / "network.pt", network())
    model = network(seed=1)
    before = weights(model)
    with pytest.raises(ValueError, match="holds no optimizer state"):
        load_checkpoint(tmp_path / "network.pt", model, torch.optim.Adam(model.parameters()))
    assert weights(model) == before


def test_an_optimizer_that_does_not_fit_leaves_the_model_as_it_was(checkpoint) -> None:
    model = network(seed=1)
    before = weights(model)
    groups = [{"params": model[1].parameters()}, {"params": model[4].parameters()}]
    with pytest.raises(ValueError, match="parameter group"):
        load_checkpoint(checkpoint, model, torch.optim.Adam(groups))
    assert weights(model) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: b"epoch,loss\n1,2.3\n",
        lambda content: b"# Notes\n",
        lambda content: b"\x80\x02" + bytes(range(40)),
        lambda content: b"\xff\xfe" + "notes".encode("utf-16-le"),
    ],
    ids=["half", "all but a byte", "nothing", "CSV", "Markdown", "odd pickle", "UTF-16"],
)
def test_a_damaged_or_foreign_file_is_refused_and_the_model_left_as_it_was(
    checkpoint, damage
) -> None:
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    model = network(seed=1)
    before = weights(model)
    with pytest.raises(ValueError, match="cannot be read as a checkpoint") as caught:
        load_checkpoint(checkpoint, model)
    assert str(checkpoint) in str(caught.value)
    assert weights(model) == before


def flip_a_bit(path, tensor, share):
    """Change one bit of a saved tensor, at that share of its bytes, in the file."""
    content, saved = bytearray(path.read_bytes()), tensor.numpy().tobytes()
    assert content.count(saved) == 1, "what is looked for is the tensor"
    content[content.index(saved) + int(share * len(saved))] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
@pytest.mark.parametrize("name", ["1.weight", "2.running_var", "4.bias"])
@pytest.mark.parametrize("with_optimizer", [False, True])
def test_a_flipped_bit_of_the_weights_is_noticed_and_the_model_left_as_it_was(
    checkpoint, name, share, with_optimizer
) -> None:
    flip_a_bit(checkpoint, trained_network()[0].state_dict()[name], share)
    # The file can be read all the same: torch notices nothing.
    assert torch.load(checkpoint, weights_only=True)["epoch"] == 7
    model = network(seed=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
    before = weights(model), optimizer.state_dict()
    with pytest.raises(ValueError, match="its weights are not those that were saved") as caught:
        load_checkpoint(checkpoint, model, optimizer if with_optimizer else None)
    assert str(checkpoint) in str(caught.value)
    assert (weights(model), optimizer.state_dict()) == before


def change_a_value(state_dict):
    state_dict["1.weight"][3, 5] += 1e-6


def count_one_batch_more(state_dict):
    state_dict["2.num_batches_tracked"] += 1


def swap_two_names(state_dict):
    # Of the same shape, and the tensors stay in their order: only the names tell.
    names = {"2.weight": "2.bias", "2.bias": "2.weight"}
    renamed = {names.get(name, name): tensor for name, tensor in state_dict.items()}
    state_dict.clear()
    state_dict.update(renamed)


def rename_a_tensor(state_dict):
    state_dict["1.weights"] = state_dict.pop("1.weight")


@pytest.mark.parametrize(
    "change", [change_a_value, count_one_batch_more, swap_two_names, rename_a_tensor]
)
def test_weights_that_were_changed_in_a_whole_file_are_noticed_too(checkpoint, change) -> None:
    content = torch.load(checkpoint, weights_only=True)
    change(content["model"])
    torch.save(content, checkpoint)
    model = network(seed=1)
    before = weights(model)
    with pytest.raises(ValueError, match="its weights are not those that were saved"):
        load_checkpoint(checkpoint, model)
    assert weights(model) == before


@pytest.mark.parametrize("key", ["model", "model_sha256", "optimizer", "epoch"])
def test_a_file_in_which_the_name_of_an_entry_is_damaged_is_refused(checkpoint, key) -> None:
    content = checkpoint.read_bytes()
    # As pickle writes a text, with its length before it.
    text = b"X" + len(key).to_bytes(4, "little") + key.encode()
    assert content.count(text) == 1
    checkpoint.write_bytes(content.replace(text, text[:-1] + b"!"))
    model = network(seed=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
    before = weights(model), optimizer.state_dict()
    with pytest.raises(ValueError, match=r"network\.pt"):
        load_checkpoint(checkpoint, model, optimizer)
    assert (weights(model), optimizer.state_dict()) == before


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float64])
def test_a_network_laid_out_as_channels_last_or_in_another_precision_is_kept_as_any(
    tmp_path, precision
) -> None:
    model = CNN().to(precision, memory_format=torch.channels_last)
    save_checkpoint(tmp_path / "network.pt", model)
    other = CNN().to(precision)
    load_checkpoint(tmp_path / "network.pt", other)
    assert weights(other) == weights(model)


@pytest.mark.parametrize(
    "content",
    [network().state_dict(), [1, 2], {"format": "mnist_helpers checkpoint 0"}, torch.zeros(3)],
    ids=["weights alone", "a list", "another format", "a tensor"],
)
def test_a_pytorch_file_of_another_kind_is_refused(tmp_path, content) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="not one that save_checkpoint wrote"):
        load_checkpoint(tmp_path / "other.pt", network())


@pytest.mark.parametrize("name", ["absent.pt", "absent/network.pt", "."])
def test_a_missing_checkpoint_is_named(tmp_path, name) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        load_checkpoint(tmp_path / name, network())
    assert str(tmp_path / name) in str(caught.value)


def test_a_missing_folder_is_named_and_not_made(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="make it first") as caught:
        save_checkpoint(tmp_path / "absent" / "network.pt", network())
    assert str(tmp_path / "absent") in str(caught.value)
    assert list(tmp_path.iterdir()) == []


class MakesAFolder:
    """What an attacker would put in a file: reading it with pickle calls a function."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("writer", ["pickle", "torch", "torch, older form"])
def test_code_in_a_file_is_never_run(tmp_path, writer) -> None:
    path, folder = tmp_path / "network.pt", tmp_path / "made by the file"
    content = {"format": "mnist_helpers checkpoint 1", "model": MakesAFolder(folder)}
    if writer == "pickle":
        path.write_bytes(pickle.dumps(content, protocol=2))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=writer == "torch")
    model = network(seed=1)
    before = weights(model)
    with pytest.raises(ValueError, match="holds more than tensors and numbers"):
        load_checkpoint(path, model)
    assert not folder.exists()
    assert weights(model) == before

    # The trap is real: who reads it without care springs it.
    pickle.loads(pickle.dumps(content))
    assert folder.exists()


def break_off_writing(patch):
    save = torch.save

    def save_a_part(content, target):
        save(content["epoch"], target)
        raise KeyboardInterrupt

    patch.setattr(torch, "save", save_a_part)
    return KeyboardInterrupt


def fill_the_disk(patch):
    def refuse(content, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    patch.setattr(torch, "save", refuse)
    return OSError


def refuse_the_move(patch):
    def refuse(*arguments):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    patch.setattr(os, "replace", refuse)
    return PermissionError


@pytest.mark.parametrize("fail", [break_off_writing, fill_the_disk, refuse_the_move])
def test_a_crash_while_saving_leaves_the_old_file_whole_and_no_other(
    checkpoint, monkeypatch, fail
) -> None:
    before = checkpoint.read_bytes()
    with monkeypatch.context() as patch:
        error = fail(patch)
        with pytest.raises(error):
            save_checkpoint(checkpoint, network(seed=1))
    assert checkpoint.read_bytes() == before
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


def test_saving_again_replaces_the_old_file_and_leaves_no_other(checkpoint) -> None:
    model = network(seed=1)
    save_checkpoint(checkpoint, model, epoch=8)
    other = network()
    assert load_checkpoint(checkpoint, other) == 8
    assert weights(other) == weights(model)
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


def test_whoever_looks_while_a_checkpoint_is_written_sees_the_old_one(
    checkpoint, monkeypatch
) -> None:
    before, seen = checkpoint.read_bytes(), []
    save = torch.save

    def look_and_save(content, target):
        save(content, target)
        seen.append(checkpoint.read_bytes())

    monkeypatch.setattr(torch, "save", look_and_save)
    save_checkpoint(checkpoint, network(seed=1))
    assert seen == [before]
    assert checkpoint.read_bytes() != before
