"""Lessons that train, made shorter: for tests of everything but what they compute, such as their pages.

nbval runs every lesson on all digits. A fifth of them, and fewer epochs, fill the same figures.
"""

# Not lesson 07: the network that it trains is kept for others.
WITH_FEWER_DIGITS = ("04", "05", "06")


def fewer_digits(train: int, test: int = 10_000) -> str:
    """Return what a kernel runs first, so that there are only so many digits to train on, and to test on."""
    return f"""
import mnist_helpers
from torchvision.datasets import MNIST

def load_fewer(self, *arguments, load=MNIST.__init__, **options):
    load(self, *arguments, **options)
    count = {train} if self.train else {test}
    self.data, self.targets = self.data[:count], self.targets[:count]

MNIST.__init__ = load_fewer
del load_fewer, mnist_helpers, MNIST
"""


_SHORTER = {
    "04": [
        ("batches=10 * len(train_loader)", "batches=2 * len(train_loader)"),
        ("epochs=10", "epochs=2"),
    ],
    "05": [
        ("optimizer, batches=150)", "optimizer, batches=30)"),
        (
            "split_indices(60_000, validation=10_000",
            "split_indices({train}, validation={train} // 6",
        ),
    ],
    "06": [
        ("train_pixels[:6000], train_labels[:6000]", "train_pixels[:600], train_labels[:600]"),
        (
            "validation_images[:5000], validation_labels[:5000]",
            "validation_images[:500], validation_labels[:500]",
        ),
        ("augment=None, epochs=40", "augment=None, epochs=4"),
    ],
}


def shortened(text: str, number: str, train: int = 12_000) -> str:
    """Return the text of a lesson's file, made shorter, for the lesson of this number, such as "04", and for a kernel
    with so many digits to train on."""
    for long, short in _SHORTER.get(number, []):
        assert text.count(long) == 1, long
        text = text.replace(long, short.format(train=train))
    return text
