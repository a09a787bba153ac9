"""What more than one lesson needs: MNIST on disk, the networks, shapes, training, figures.

Import the module you need, for example ``from mnist_helpers.data import data_root``; this file imports none of them.

It does set one environment variable, and only where nobody has: ``GOMP_SPINCOUNT``. PyTorch's threads on Linux wait for
each other by spinning, that is, by keeping a core busy. With two trainings on the same cores each one's waiting blocks
the other's work, and both become tens of times slower. A short spin cures that. The variable is read once, when torch
is first imported, so the lessons import ``mnist_helpers`` before ``torch`` (their alphabetical order).
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "3000")
