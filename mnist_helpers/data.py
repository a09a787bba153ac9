"""Where the digits come from: a folder in torchvision's layout, prepared from the archives in this package.

Nothing is downloaded. `data_root` unpacks the four archives once and verifies them by checksum; after that,
``torchvision.datasets.MNIST(root=data_root(), download=True)`` finds its files in place.
"""

from dataclasses import dataclass
import errno
import gzip
import hashlib
from importlib import resources
import json
import logging
import os
from pathlib import Path
import shutil
import tempfile
import zlib

from filelock import FileLock, Timeout
import platformdirs
from torch.utils.data import DataLoader
from torchvision import datasets
from torchvision.transforms import ToTensor

from .checks import require_bool, require_path, require_whole

_log = logging.getLogger(__name__)

# A preparation takes seconds. One that is not done after this time has been stopped, or its folder refuses the lock
# without saying so, as Windows does.
_LONGEST_WAIT = 120.0  # seconds


@dataclass(frozen=True)
class MNISTFile:
    """One unpacked file of MNIST: its name, its size in bytes and the SHA-256 of its content."""

    name: str
    size: int
    sha256: str


MNIST_FILES = (
    MNISTFile(
        "train-images-idx3-ubyte",
        47_040_016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    MNISTFile(
        "train-labels-idx1-ubyte",
        60_008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    MNISTFile(
        "t10k-images-idx3-ubyte",
        7_840_016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    MNISTFile(
        "t10k-labels-idx1-ubyte",
        10_008,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


class DataError(RuntimeError):
    """MNIST could not be prepared. The message names the folder, the cause and what to do."""


def data_root() -> Path:
    """Return a folder that ``torchvision.datasets.MNIST(root=...)`` can read, preparing it on first use.

    The folder is ``$MNIST_DATA_DIR`` where that is set, else ``mnist_helpers`` in the user's cache folder. Its files
    lie in ``MNIST/raw``, torchvision's layout, and take 55 MB. The first call verifies each file's size and SHA-256 and
    unpacks those that are missing or differ; later calls, in any process, only look at sizes and modification times.
    Processes that call it together wait for each other, so each gets whole files.

    Raises:
        DataError: the folder is not known, cannot be made or written, another process prepares it and does not come to
            an end, the disk is full, or an archive of the package is damaged.
    """
    root = _root_folder()
    raw = root / "MNIST" / "raw"
    if _is_recorded(raw):
        return root
    try:
        raw.mkdir(parents=True, exist_ok=True)
        lock = FileLock(raw / ".lock")
        lock.timeout = _LONGEST_WAIT
        with lock:
            if not _is_recorded(raw):
                _remove_leftovers(raw)
                for file in MNIST_FILES:
                    _make_whole(raw, file)
                _record(raw)
    except OSError as error:
        # A shared folder may be whole and yet refuse the lock file: reading it is all that a lesson needs.
        if not all(_fault(raw, file) is None for file in MNIST_FILES):
            raise DataError(_explain(root, error)) from error
    return root


def faults(root: Path) -> dict[str, str]:
    """Read the unpacked files under a folder that `data_root` returned, and return what is wrong with each that is not
    whole, under its name: ``{"t10k-labels-idx1-ubyte": "did not match its checksum"}``. Takes half a second."""
    raw = require_path("root", root, "data") / "MNIST" / "raw"
    found = {file.name: _fault(raw, file) for file in MNIST_FILES}
    return {name: fault for name, fault in found.items() if fault is not None}


def load_datasets() -> tuple[datasets.MNIST, datasets.MNIST]:
    """Return MNIST's training set (60,000 digits) and test set (10,000), as torchvision's own class.

    Each item is ``(image, label)``: a float32 tensor ``[1, 28, 28]`` with values in [0, 1], and an int from 0 to 9.
    """
    root = data_root()
    train_set = datasets.MNIST(root=root, train=True, download=True, transform=ToTensor())
    test_set = datasets.MNIST(root=root, train=False, download=True, transform=ToTensor())
    return train_set, test_set


def make_loaders(batch_size: int = 64, shuffle: bool = False) -> tuple[DataLoader, DataLoader]:
    """Return loaders for the training and the test set, of batches ``(images, labels)``.

    `images` is float32 ``[N, 1, 28, 28]`` with values in [0, 1], `labels` int64 ``[N]``; N is `batch_size`, or what is
    left over in the last batch. `shuffle` draws a new order of the training set for each epoch; the test set's order
    never matters and never changes.

    Raises:
        TypeError: `batch_size` is no whole number, or `shuffle` neither True nor False.
        ValueError: `batch_size` is less than 1.
        DataError: MNIST could not be prepared.
    """
    require_whole("batch_size", batch_size, at_least=1)
    require_bool("shuffle", shuffle)
    train_set, test_set = load_datasets()
    train_loader = DataLoader(train_set, batch_size=batch_size, shuffle=shuffle)
    test_loader = DataLoader(test_set, batch_size=batch_size)
    return train_loader, test_loader


def _root_folder() -> Path:
    advice = "Set the environment variable MNIST_DATA_DIR to the full path of a folder that you can write to."
    chosen = os.environ.get("MNIST_DATA_DIR")
    if chosen:
        try:
            return Path(chosen).expanduser().absolute()
        except (RuntimeError, OSError) as error:
            # An unknown home for the "~", or a current folder that was removed.
            raise DataError(
                f"MNIST_DATA_DIR is {chosen}, and where that lies is not known ({error}). {advice}"
            ) from error
    try:
        root = Path(platformdirs.user_cache_dir("mnist_helpers", appauthor=False))
    except RuntimeError:
        root = None
    # Of an unknown home older releases of platformdirs leave a "~", which would become a folder of that name.
    if root is None or not root.is_absolute():
        raise DataError(
            "MNIST is kept in the user's cache folder, and where that lies is not known: this user has no home folder. "
            f"{advice}"
        )
    return root


def _record_path(raw: Path) -> Path:
    return raw / ".verified.json"


def _signature(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _is_recorded(raw: Path) -> bool:
    """Whether every file has the size and the modification time that it had when it was last verified."""
    try:
        recorded = json.loads(_record_path(raw).read_text(encoding="utf-8"))
        return recorded == {file.name: _signature(raw / file.name) for file in MNIST_FILES}
    except (OSError, ValueError):
        return False


def _record(raw: Path) -> None:
    signatures = {file.name: _signature(raw / file.name) for file in MNIST_FILES}
    _write_beside(_record_path(raw), json.dumps(signatures).encode())


def _fault(raw: Path, file: MNISTFile) -> str | None:
    """Say what is wrong with an unpacked file, or return None where it is whole."""
    path = raw / file.name
    try:
        if not path.is_file():
            return "was missing"
        size = path.stat().st_size
        if size != file.size:
            return f"had {size:,} bytes instead of {file.size:,}"
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
                return "did not match its checksum"
    except OSError as error:
        return f"could not be read ({error.strerror})"
    return None


def _make_whole(raw: Path, file: MNISTFile) -> None:
    fault = _fault(raw, file)
    if fault is None:
        return
    _write_beside(raw / file.name, _unpack(file))
    if fault != "was missing":
        _log.warning("%s in %s %s; it has been rebuilt.", file.name, raw, fault)


def _unpack(file: MNISTFile) -> bytes:
    """Return the content of a packed file, verified.

    Raises:
        DataError: the archive is not in the package, or does not unpack to the right content.
    """
    archive = resources.files("mnist_helpers") / "archives" / f"{file.name}.gz"
    advice = (
        "The package's own copy is damaged: in a clone, bring it back with "
        "`git checkout -- mnist_helpers/archives`; elsewhere, install the package again."
    )
    try:
        content = gzip.decompress(archive.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"The archive {archive} is missing. {advice}") from error
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"The archive {archive} cannot be unpacked ({error}). {advice}") from error
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise DataError(f"The archive {archive} does not unpack to MNIST's {file.name}. {advice}")
    return content


def _write_beside(path: Path, content: bytes) -> None:
    """Write a file under another name first, so that whoever looks at `path` sees it whole or not at all."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        # A temporary file is its owner's alone; the data may be shared by all who read the folder.
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _remove_leftovers(raw: Path) -> None:
    """Remove what a process that was killed while it wrote has left behind.

    Only for the process that holds the lock: then no other one is writing.
    """
    for name in (*(file.name for file in MNIST_FILES), _record_path(raw).name):
        for beside in raw.glob(f".{name}.*"):
            try:
                beside.unlink()
            except OSError as error:
                _log.warning(
                    "%s was left behind by a preparation that was broken off, and cannot be removed (%s).",
                    beside,
                    error.strerror,
                )


def _explain(root: Path, error: OSError) -> str:
    needed = sum(file.size for file in MNIST_FILES)
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        free = shutil.disk_usage(root).free if root.exists() else 0
        cause = f"the disk is full, or your share of it: {free / 1e6:.0f} MB are free, {needed / 1e6:.0f} MB are needed"
        mend = "Free some space"
    elif isinstance(error, Timeout):
        cause = (
            f"for {_LONGEST_WAIT:.0f} seconds another process has held the lock {error.lock_file} and not come to an "
            "end, or the folder does not allow a lock"
        )
        mend = "End that process, or wait for it"
    elif isinstance(error, PermissionError) and error.filename2:
        cause = (
            f"the file {error.filename2} cannot be replaced ({error.strerror}): "
            "another program uses it, or it is not yours"
        )
        mend = "Close what uses it"
    elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
        cause = f"it cannot be written ({error.strerror})"
        mend = "Allow writing there"
    elif isinstance(error, (FileExistsError, NotADirectoryError)):
        # The system names the folder that it could not make; the file may stand further up.
        named = Path(error.filename or root)
        blocking = (
            path
            for path in (named, *named.parents)
            if path.is_file() or (path.is_symlink() and not path.exists())
        )
        in_the_way = next(blocking, named)
        if in_the_way.is_symlink() and not in_the_way.exists():
            target = os.readlink(in_the_way)
            cause = f"{in_the_way} is a symbolic link to {target}, which does not exist"
            mend = "Make the folder that it leads to, or remove the link"
        else:
            cause = f"a file is in the way where a folder is needed ({in_the_way})"
            mend = "Move that file away"
    elif isinstance(error, IsADirectoryError):
        cause = (
            f"a folder is in the way where a file is needed ({error.filename2 or error.filename})"
        )
        mend = "Move that folder away"
    else:
        cause = str(error)
        mend = "See to that"
    return (
        f"MNIST could not be prepared in the folder {root}: {cause}. "
        f"{mend}, or set the environment variable MNIST_DATA_DIR to a folder that you can write to, and run this again."
    )
