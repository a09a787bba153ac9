import io

import matplotlib.pyplot as plt
from net import figure_differences, loose_differences
from PIL import Image
import pytest


def picture(**settings):
    figure, ax = plt.subplots(figsize=(6, 4))
    ax.plot([1, 3, 2, 5], linewidth=2)
    ax.set(**{"xlabel": "learning rate", "ylabel": "loss", **settings})
    stream = io.BytesIO()
    figure.savefig(stream)
    plt.close(figure)
    return Image.open(stream)


SAME, CROP = picture(), picture(xlim=(0, 2))
GREY = Image.new("RGBA", (600, 400), "grey")


@pytest.mark.parametrize(
    ("fresh", "varies", "differs"),
    [
        ([picture()], False, False),
        ([picture(xlabel="loss", ylabel="learning rate")], False, True),
        ([CROP], False, True),
        ([CROP], True, False),  # another curve: only its ink is compared
        ([GREY], True, True),
        ([Image.linear_gradient("L").resize((600, 400))], True, True),  # much more ink
        ([SAME.resize((600, 440))], True, True),
        ([], True, True),
    ],
)
def test_another_figure_differs_and_the_same_one_does_not(fresh, varies, differs):
    assert bool(figure_differences([SAME], fresh, varies)) == differs


SAVED = "device: cpu\ntest accuracy: 98.50%\nseed 9: accuracy 90.02%, 1,200 seconds, loss 0.05\n"


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ("cpu", "cuda", False),
        ("98.50", "98.05", False),
        ("98.50", "96.50", True),
        ("90.02", "82.10", False),
        ("90.02", "9.80", True),
        ("1,200", "13,000", True),
        ("test accuracy", "training accuracy", False),  # one line may have other words,
        ("accuracy", "error", True),  # but not two,
        ("test accuracy: 98.50%\n", "", True),  # and none be missing
    ],
)
def test_numbers_pair_up(old, new, differs):
    assert bool(loose_differences(SAVED, SAVED.replace(old, new))) == differs
