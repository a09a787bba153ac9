"""The net catches what it is there for."""

import io

import matplotlib.pyplot as plt
from net import figure_differences, loose_differences
from PIL import Image
import pytest


def picture(**settings) -> Image.Image:
    figure, ax = plt.subplots(figsize=(6, 4))
    ax.plot([1, 3, 2, 5], linewidth=2)
    ax.set(**{"xlabel": "learning rate", "ylabel": "loss", **settings})
    stream = io.BytesIO()
    figure.savefig(stream)
    plt.close(figure)
    return Image.open(stream)


@pytest.mark.parametrize(
    "other",
    [
        picture(xlabel="loss", ylabel="learning rate"),
        picture(xlim=(0, 2)),
        Image.new("RGBA", (600, 400), "grey"),
        picture().resize((600, 440)),
    ],
    ids=["labels swapped", "another crop", "one colour", "another size"],
)
def test_another_figure_differs_and_the_same_one_does_not(other) -> None:
    assert not figure_differences([picture()], [picture()], varies=False)
    assert figure_differences([picture()], [other], varies=False)


def test_of_a_figure_that_varies_the_ink_is_compared() -> None:
    assert not figure_differences([picture()], [picture(xlim=(0, 2))], varies=True)
    assert figure_differences([picture()], [Image.new("RGBA", (600, 400), "grey")], varies=True)
    assert figure_differences([picture()], [], varies=True)


SAVED = "device: cpu\ntest accuracy: 98.50%\nseed 9: accuracy 90.02%, 1,200 seconds, loss 0.05\n"


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ("cpu", "cuda", False),
        ("98.50", "98.05", False),
        ("98.50", "96.50", True),
        ("98.50", "90.00", True),
        ("90.02", "82.10", False),
        ("90.02", "9.80", True),
        ("1,200", "13,000", True),
        ("1,200", "300", False),
        ("test accuracy", "training accuracy", False),  # one line may have other words,
        ("test accuracy: 98.50%\n", "", True),  # but not be missing
    ],
)
def test_numbers_pair_up(old, new, differs) -> None:
    assert bool(loose_differences(SAVED, SAVED.replace(old, new))) == differs
