"""Where the digits come from: a folder in torchvision's layout, unpacked from archives in here.

Nothing is downloaded: ``MNIST(root=data_root(), download=True)`` finds its files in place.
"""

import contextlib
import errno
import gzip
import hashlib
from importlib import resources
import json
import logging
import os
from pathlib import Path
import re
import shutil
import tempfile
import zlib

from filelock import FileLock, Timeout
import platformdirs
import psutil
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

MNIST_FILES = {  # of each unpacked file the SHA-256
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

_RECORD = ".verified.json"
# Seconds; on Windows a folder may refuse the lock silently.
_LONGEST_WAIT = 120.0


class DataError(RuntimeError):
    """MNIST could not be prepared."""


def data_root(verify: bool = False) -> Path:
    """Return a folder, of 55 MB, that torchvision's ``MNIST(root=...)`` can read:
    ``$MNIST_DATA_DIR`` where that is set, else ``mnist_helpers`` in the user's cache folder.

    What is missing or damaged there is unpacked. The first call, and one with `verify`, looks at
    each file's SHA-256, others only at sizes and times. A DataError says that the folder is not
    known or cannot be written, or that an archive of this package is damaged, and what to do.
    """
    root = _root_folder()
    raw = root / "MNIST" / "raw"
    if _is_recorded(raw) and not verify:
        return root
    try:
        raw.mkdir(parents=True, exist_ok=True)
        with FileLock(raw / ".lock", timeout=_LONGEST_WAIT):
            if verify or not _is_recorded(raw):
                for name in _not_whole(raw):
                    if (raw / name).exists():
                        said = "%s in %s is damaged, and is made again."
                        logging.getLogger(__name__).warning(said, name, raw)
                    write_whole(raw / name, _unpack(name))
                write_whole(raw / _RECORD, json.dumps(_signatures(raw)).encode())
    except OSError as error:
        # A shared folder may be whole and refuse the lock file.
        if _not_whole(raw):
            raise DataError(_explain(root, error)) from error
    return root


def load_datasets() -> tuple[MNIST, MNIST]:
    """Return MNIST's training and its test set, of ``(image, label)``: float32 ``[1, 28, 28]`` in
    [0, 1], and an int."""
    options = {"root": data_root(), "download": True, "transform": ToTensor()}
    return MNIST(train=True, **options), MNIST(train=False, **options)


def make_loaders(batch_size: int = 64, shuffle: bool = False) -> tuple[DataLoader, DataLoader]:
    """Return loaders of the training and the test set; only the first is ever shuffled."""
    train_set, test_set = load_datasets()
    return DataLoader(train_set, batch_size, shuffle), DataLoader(test_set, batch_size)


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file so that whoever looks at `path`, or writes it too, meets the old one or the new
    one, whole. `mode` is for a shared folder's sake: all may read."""
    for name in os.listdir(path.parent):
        # What a process left that was killed while it wrote: its number is in the name.
        left = re.fullmatch(rf"\.{re.escape(path.name)}\.(\d+)\.\w+\.part", name)
        if left and not psutil.pid_exists(int(left[1])):
            path.with_name(name).unlink(missing_ok=True)
    handle, beside = tempfile.mkstemp(".part", f".{path.name}.{os.getpid()}.", path.parent)
    try:
        with open(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(handle)  # or, without power, the move may be made and not the content
        os.chmod(beside, mode)
        os.replace(beside, path)
    finally:
        Path(beside).unlink(missing_ok=True)


def _root_folder() -> Path:
    chosen = os.environ.get("MNIST_DATA_DIR", "")
    try:
        folder = chosen or platformdirs.user_cache_dir("mnist_helpers", appauthor=False)
        return Path(folder).expanduser().absolute()
    except (RuntimeError, OSError) as error:
        # There is no home, or the current folder was removed.
        raise DataError(
            f"Where to keep the digits is not known: MNIST_DATA_DIR is {chosen!r} ({error}). "
            "Set it to the full path of a folder that you can write to."
        ) from error


def _not_whole(raw: Path) -> list[str]:
    """Return the names of files that are missing or damaged."""

    def is_whole(name: str) -> bool:
        with contextlib.suppress(OSError), (raw / name).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == MNIST_FILES[name]
        return False

    return [name for name in MNIST_FILES if not is_whole(name)]


def _signatures(raw: Path) -> dict[str, list[int]]:
    status = {name: (raw / name).stat() for name in MNIST_FILES}
    return {name: [one.st_size, one.st_mtime_ns] for name, one in status.items()}


def _is_recorded(raw: Path) -> bool:
    """Whether each file has the size and the time that it had when last verified."""
    try:
        return json.loads((raw / _RECORD).read_text(encoding="utf-8")) == _signatures(raw)
    except (OSError, ValueError):
        return False


def _unpack(name: str) -> bytes:
    archive = resources.files("mnist_helpers") / "archives" / f"{name}.gz"
    try:
        content = gzip.decompress(archive.read_bytes())
        if hashlib.sha256(content).hexdigest() != MNIST_FILES[name]:
            raise ValueError(f"it holds something else than MNIST's {name}")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(
            f"The archive {archive} is missing or damaged ({error}). In a clone bring it back with "
            "`git checkout -- mnist_helpers/archives`; elsewhere, install the package again."
        ) from error
    return content


def _explain(root: Path, error: OSError) -> str:
    cause = str(error)
    if error.errno == errno.ENOSPC:
        free = shutil.disk_usage(root).free if root.exists() else 0
        cause = f"the disk is full: {free / 1e6:.0f} MB are free, and 55 MB are needed"
    elif isinstance(error, Timeout):
        cause = f"another process has held {error.lock_file} for {_LONGEST_WAIT:.0f} seconds"
    elif error.filename and os.path.islink(error.filename):
        cause += f", a symbolic link to {os.readlink(error.filename)}"
    return (
        f"MNIST could not be prepared in the folder {root}: {cause}. Mend that, or set the "
        "variable MNIST_DATA_DIR to a folder that you can write to, and run this again."
    )
