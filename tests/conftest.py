import os

# Before torch loads, here and in the kernels that nbval starts: see mnist_helpers/__init__.py.
import mnist_helpers  # noqa: F401

# No test draws on a screen; the kernels of the notebooks choose Jupyter's own back end.
os.environ.setdefault("MPLBACKEND", "agg")
