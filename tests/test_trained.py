import functools
import sys

from by_hand import cycle, digits, generator, weights
from mnist_helpers.batches import TensorBatches, random_affine
from mnist_helpers.data import load_datasets
from mnist_helpers.drawing import drawn_digits, predict
from mnist_helpers.insights import predict_all
from mnist_helpers.models import CNN
from mnist_helpers.training import load_checkpoint, trained_cnn
import pytest
import torch
import train_cnn


def test_it_reads_digits_that_it_was_not_trained_on(random_numbers_stay):
    model = trained_cnn()
    assert (type(model), model.training) == (CNN, False)
    _, test_set = load_datasets()
    answers = predict_all(model, test_set.data[:2000, None] / 255).argmax(dim=1)
    assert (answers == test_set.targets[:2000]).float().mean() > 0.99


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
    assert predict(trained_cnn(), pens).argmax() == digit


def test_its_recipe_is_what_pytorch_makes_of_it_by_hand(tmp_path, monkeypatch, one_way_to_reckon):
    few, file = digits(240), tmp_path / "cnn.pt"
    small = {"FILE": file, "load_datasets": lambda: (digits(240), few), "DRAWN": 24, "EPOCHS": 3}
    for name, value in small.items():
        monkeypatch.setattr(train_cnn, name, value)
    monkeypatch.setattr(sys, "argv", ["train_cnn.py"])
    train_cnn.main()

    images, labels = drawn_digits(24)
    images, labels = torch.cat([few.data, images]), torch.cat([few.targets, labels])
    batches = TensorBatches(images, labels, batch_size=128, shuffle=True, seed=0)
    amounts = {"degrees": 10, "scale": 0.15, "shift": 2, "shear": 0.3}
    changed = functools.partial(random_affine, generator=generator(), **amounts)
    pairs = [(changed(images), labels) for _ in range(3) for images, labels in batches]
    torch.manual_seed(0)
    by_hand = CNN()
    cycle(by_hand, pairs, 0.005, smoothing=0.1)
    saved = CNN()
    assert load_checkpoint(file, saved) == 3
    assert weights(saved) == weights(by_hand)
