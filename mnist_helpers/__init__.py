"""What more than one lesson needs: MNIST on disk, the networks, shapes, training, figures.

Import the module you need, as in ``from mnist_helpers.data import data_root``: this file imports
none. It sets one variable, where nobody has: PyTorch's threads on Linux wait for each other by
spinning, which keeps a core busy. With two trainings on the same cores each one's waiting blocks
the other's work, and both become tens of times slower. A short spin cures that. It is read once,
when torch is first imported, so the lessons import ``mnist_helpers`` before ``torch``.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "3000")
