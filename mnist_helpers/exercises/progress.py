"""Which exercises were solved, in a file beside the digits; ``MNIST_PROGRESS=off`` keeps none."""

import json
import os
from pathlib import Path
import tempfile

from ..data import root_folder


def solved(*new: str) -> set[str]:
    """Return the numbers of the solved exercises, new ones added; a damaged file counts as none.

    Raises OSError where the file cannot be read or written, DataError where no folder is known.
    """
    if os.environ.get("MNIST_PROGRESS") == "off":
        return set()
    file = root_folder() / "progress.json"
    try:
        done = {one for one in json.loads(file.read_text()) if isinstance(one, str)}
    except (FileNotFoundError, ValueError, TypeError, RecursionError):  # none yet, or damaged
        done = set()
    if not done.issuperset(new):
        done.update(new)
        file.parent.mkdir(parents=True, exist_ok=True)
        # Another notebook reads it whole; of two that write at once, one may be forgotten.
        with tempfile.TemporaryDirectory(dir=file.parent) as beside:
            written = Path(beside, file.name)
            written.write_text(json.dumps(sorted(done)))
            os.replace(written, file)
    return done
