"""Is my set-up right? ``python -m mnist_helpers`` says of each thing that it is OK, or what to do."""

import sys

from .checkup import report

if __name__ == "__main__":
    sys.exit(report())
