"""What more than one lesson needs. Import the module you need: this file imports none.

It sets one variable, where nobody has. PyTorch's threads on Linux wait for each other by spinning,
and so two trainings on the same cores become tens of times slower. A short spin cures that. It is
read when torch is first imported, so the lessons import ``mnist_helpers`` before ``torch``.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "3000")
