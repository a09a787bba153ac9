import os
import sys

import matplotlib

# Before torch loads, here and in the kernels that nbval starts: mnist_helpers/__init__.py says why.
import mnist_helpers  # noqa: F401
import torch  # noqa: F401

# No test draws on a screen. (Not by a variable: the kernels would inherit it, and show no figures.)
matplotlib.use("agg")

# Each thread of a kernel kept to its core: beside another training that is faster by a third. Not so for a learner's
# kernel: what it starts would be kept to one core too. This process has read its own settings above, with torch.
if sys.platform == "linux":
    os.environ.setdefault("OMP_PROC_BIND", "true")
