import functools
from unittest.mock import Mock

from by_hand import cycle, digits, generator, weights
from mnist_helpers.batches import TensorBatches, random_affine
from mnist_helpers.drawing import drawn_digits, predict
from mnist_helpers.models import CNN, WideCNN
from mnist_helpers.training import save_checkpoint, trained, trained_cnn
import pytest
import torch


@pytest.fixture
def first(tmp_path, monkeypatch, one_way_to_reckon):
    monkeypatch.setattr(trained, "data_root", lambda: tmp_path)
    monkeypatch.setattr(trained, "load_datasets", lambda: (digits(60_000 // 250), None))
    monkeypatch.setattr(trained, "drawn_digits", lambda count: drawn_digits(count // 250))
    before = torch.get_rng_state()
    model = trained_cnn(progress=False)
    assert torch.equal(torch.get_rng_state(), before)
    [path] = tmp_path.iterdir()
    return path, model


def test_the_recipe_is_what_pytorch_makes_of_it_by_hand(first):
    mnist, (images, labels) = digits(240), drawn_digits(24)
    images, labels = torch.cat([mnist.data, images]), torch.cat([mnist.targets, labels])
    batches = TensorBatches(images, labels, batch_size=128, shuffle=True, seed=0)
    amounts = {"degrees": 10, "scale": 0.15, "shift": 2, "shear": 0.3}
    changed = functools.partial(random_affine, generator=generator(), **amounts)
    pairs = [(changed(images), labels) for _ in range(3) for images, labels in batches]
    torch.manual_seed(0)
    by_hand = CNN()
    cycle(by_hand, pairs, 0.005, smoothing=0.1)
    assert weights(first[1]) == weights(by_hand)


def test_the_next_call_loads_what_was_kept(first, capsys):
    path, model = first
    before = path.read_bytes()
    again = trained_cnn()
    assert capsys.readouterr() == ("trained_cnn: the network kept from an earlier call\n", "")
    assert path.read_bytes() == before
    assert weights(again) == weights(model)
    assert (type(again), again.training, model.training) == (CNN, False, False)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "is damaged, or of an older"),
        (lambda path: save_checkpoint(path, WideCNN()), "from WideCNN and does not fit this CNN"),
        (lambda path: path.unlink(), ""),
    ],
)
def test_a_file_that_does_not_fit_is_replaced(first, capsys, damage, reason):
    path, model = first
    damage(path)
    assert weights(trained_cnn()) == weights(model)
    said, bar = capsys.readouterr()
    when = f"anew, and kept for the next call, because of the old one: {path} " if reason else "now"
    assert said.startswith(f"trained_cnn: a network trained {when}")
    assert reason in said
    assert said.count("\n") == 1
    assert "9/9" in bar, "three epochs of three batches"
    assert weights(trained_cnn(progress=False)) == weights(model)
    assert capsys.readouterr() == ("", "")


def test_a_network_that_cannot_be_kept_is_returned(first, capsys):
    path, _ = first
    path.unlink()
    path.mkdir()
    assert not trained_cnn().training
    said = capsys.readouterr().out
    assert "but not kept for the next call (IsADirectoryError in the folder of the data)" in said
    assert list(path.iterdir()) == []


def test_an_interrupted_cycle_says_so_and_leaves_nothing(first, monkeypatch):
    path, _ = first
    path.unlink()
    monkeypatch.setattr(trained, "random_affine", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt, match="Make the network anew"):
        trained_cnn(progress=False)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    ("digit", "strokes"),
    [
        (0, "50 10, 30 20, 20 55, 30 90, 48 95, 70 80, 78 50, 70 20, 50 10 / 85 -10, 12 112"),
        (1, "-5 45, 40 25, 78 0, 76 50, 74 100"),
        (1, "0 55, 30 30, 55 0, 52 60, 45 95, 20 100, 95 98"),
        (4, "0 5, 0 50, 8 58, 15 45, 20 0, 16 50, 10 100"),
    ],
)
def test_forms_that_mnist_has_few_of_are_read(digit, strokes):
    pens = [[tuple(map(int, p.split())) for p in pen.split(", ")] for pen in strokes.split(" / ")]
    assert predict(trained_cnn(progress=False), pens).argmax() == digit
