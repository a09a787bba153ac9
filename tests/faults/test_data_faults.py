"""Faults of the data: damaged archives and files, odd folders, full disks, killed processes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
import contextlib
import errno
import gzip
import hashlib
import json
import os
from pathlib import Path
import random
import shutil
import subprocess
import sys
from unittest.mock import Mock

from dying import may_write, obeying_modes
from filelock import FileLock
from mnist_helpers import data
from mnist_helpers.data import MNIST_FILES, DataError, data_root, load_datasets
import pytest

NAMES = list(MNIST_FILES)
SMALL = NAMES[3]
RECORD, LOCK = ".verified.json", ".lock"


def raw(root):
    return root / "MNIST" / "raw"


def names_in(root):
    return {path.name for path in raw(root).iterdir()} - {RECORD, LOCK}


def is_whole(root, expected=MNIST_FILES):
    """Whether the files, and nothing else, lie there. Looked at without the package's help."""
    found = {name: (raw(root) / name).read_bytes() for name in names_in(root)}
    return {name: hashlib.sha256(one).hexdigest() for name, one in found.items()} == expected


def refused(*words):
    with pytest.raises(DataError) as caught:
        data_root()
    assert [word for word in words if str(word) not in str(caught.value)] == [], caught.value


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 8]) + content[place + 1 :]


def spoilt(content, fault):
    """What may be found in place of a file's content."""
    return {
        "empty": b"",
        "cut off": content[:1000],
        "one bit": flipped(content, len(content) // 2),
        "a web page": b"<!DOCTYPE html>\n<html><body>Sign in to this network</body></html>",
        # Of the same name and size, and with the same header.
        "Fashion-MNIST's": content[:16] + random.Random(0).randbytes(len(content) - 16),
    }[fault]


def replace(path, content):
    """Put another file in the place of one that is a link to a file of all tests."""
    path.unlink()
    path.write_bytes(content)


def link(path, target):
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("this system makes no symbolic links")


def test_an_archive_that_is_not_mnists_makes_no_wrong_digit(empty_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(data.resources, "files", lambda package: tmp_path)
    monkeypatch.setattr(data, "MNIST_FILES", {SMALL: MNIST_FILES[SMALL]})
    archive = tmp_path / "archives" / f"{SMALL}.gz"
    archive.parent.mkdir()
    whole = (Path(data.__file__).parent / "archives" / archive.name).read_bytes()
    contents = [spoilt(whole, fault) for fault in ("empty", "cut off", "a web page")]
    contents += [gzip.compress(spoilt(gzip.decompress(whole), "Fashion-MNIST's"))]
    places = random.Random(0).sample(range(35, len(whole)), 40)
    for content in [None, *contents, *(flipped(whole, place) for place in places)]:
        if content is not None:
            archive.write_bytes(content)
        refused(archive, "is missing or damaged", "git checkout -- mnist_helpers/archives")
        assert names_in(empty_folder) == set()
    for place in range(35):  # the header, which holds a time and a name, for example
        archive.write_bytes(flipped(whole, place))
        with contextlib.suppress(DataError):
            data_root()
            assert is_whole(empty_folder, data.MNIST_FILES)
            shutil.rmtree(empty_folder)


DAMAGE = [
    ("cut off", "empty" if os.name == "nt" else "unreadable", "one bit", "empty"),
    ("one bit", "cut off", "a link to nowhere", "a web page"),
    ("Fashion-MNIST's",) * 4,
    ("missing",) * 4,
    ("whole", "whole", "whole", "cut off"),  # of which only its size tells
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_files_that_are_not_mnists_are_rebuilt_and_a_line_each_says_so(own_digits, caplog, damage):
    expected = []
    for name, fault in zip(NAMES, damage, strict=True):
        if fault == "whole":
            continue
        path = raw(own_digits) / name
        content, times = path.read_bytes(), path.stat()
        path.unlink()
        if fault == "a link to nowhere":
            link(path, "nowhere")
        elif fault == "unreadable":
            path.touch(0)
            expected.append(f"{name} in {raw(own_digits)} is damaged")
        elif fault != "missing":
            path.write_bytes(spoilt(content, fault))
            expected.append(f"{name} in {raw(own_digits)} is damaged")
        if fault == "cut off":
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    umask = os.umask(0o077)
    with obeying_modes():
        assert load_datasets()[0].targets[:5].tolist() == [5, 0, 4, 1, 9]
    os.umask(umask)
    assert is_whole(own_digits)
    for record, said in zip(caplog.records, expected, strict=True):
        assert record.getMessage().startswith(said)
    assert all((raw(own_digits) / name).stat().st_mode & 0o444 == 0o444 for name in NAMES)


def test_whole_files_are_kept_with_new_times_or_a_damaged_record(own_digits, caplog, monkeypatch):
    replace(raw(own_digits) / SMALL, (raw(own_digits) / SMALL).read_bytes())
    before = [(raw(own_digits) / name).stat().st_ino for name in NAMES]
    for content in (None, b"", b"{", b"[]", b"\xff\xfe"):
        if content is not None:
            (raw(own_digits) / RECORD).write_bytes(content)
        data_root()
        assert set(json.loads((raw(own_digits) / RECORD).read_bytes())) == set(NAMES)
    assert [(raw(own_digits) / name).stat().st_ino for name in NAMES] == before
    assert not caplog.records
    monkeypatch.delattr(hashlib, "file_digest")
    monkeypatch.delattr(data, "FileLock")
    assert data_root() == own_digits, "the next call reads no file and takes no lock"


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses the move: see the next test")
def test_who_reads_a_file_while_it_is_rebuilt_reads_the_old_one(own_digits):
    path = raw(own_digits) / NAMES[2]
    damaged = spoilt(path.read_bytes(), "one bit")
    replace(path, damaged)
    with path.open("rb") as stream:
        start = stream.read(4000)
        data_root()
        assert start + stream.read() == damaged
    assert is_whole(own_digits)


@pytest.mark.parametrize("how", ["a folder", "in use"])
def test_a_file_that_cannot_be_replaced_is_named_and_kept(own_digits, monkeypatch, how):
    path = raw(own_digits) / SMALL
    kept = path / "kept" if how == "a folder" else path
    if how == "in use":  # as Windows has it, where a file that is open cannot be replaced
        error = PermissionError(errno.EACCES, "It is in use", str(path))
        monkeypatch.setattr(os, "replace", Mock(side_effect=error))
        (raw(own_digits) / RECORD).unlink()
        assert data_root() == own_digits, "no more than the record of whole files was refused"
    path.unlink()
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(b"kept")
    refused(f"in the folder {own_digits}: ", path, "MNIST_DATA_DIR")
    assert kept.read_bytes() == b"kept"
    assert names_in(own_digits) == set(NAMES)


def test_a_lock_that_is_never_released_is_named(own_digits, monkeypatch):
    (raw(own_digits) / RECORD).unlink()
    monkeypatch.setattr(data, "_LONGEST_WAIT", 0.2)
    with FileLock(raw(own_digits) / LOCK):
        assert data_root() == own_digits
        (raw(own_digits) / SMALL).unlink()
        refused(f"another process has held {raw(own_digits) / LOCK}", "MNIST_DATA_DIR")


def test_who_comes_in_the_middle_waits_and_shares(empty_folder, monkeypatch):
    decompress = Mock(wraps=gzip.decompress)
    monkeypatch.setattr(gzip, "decompress", decompress)
    monkeypatch.delattr(hashlib, "file_digest")  # what the first has made is not read again
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(lambda _: data_root(), range(2))) == [empty_folder] * 2
    assert decompress.call_count == len(NAMES)
    assert is_whole(empty_folder)


@contextlib.contextmanager
def read_only(root: Path) -> Iterator[None]:
    """Let nobody make a file in these folders, root neither."""
    folders = [root, raw(root).parent, raw(root)]
    with obeying_modes():
        try:
            for folder in folders:
                folder.chmod(0o555)
            if may_write(root):
                pytest.skip("this system lets this user write everywhere")
            yield
        finally:
            for folder in folders:
                folder.chmod(0o755)


@pytest.mark.parametrize("lacking", [[], [RECORD], [RECORD, LOCK]])
def test_a_read_only_folder_will_do_when_whole(own_digits, monkeypatch, lacking):
    for name in lacking:
        (raw(own_digits) / name).unlink()
    with read_only(own_digits):
        assert data_root() == own_digits
    replace(raw(own_digits) / SMALL, b"")
    with read_only(own_digits):
        refused(f"in the folder {own_digits}: ", "Permission denied", "MNIST_DATA_DIR")
        assert names_in(own_digits) == set(NAMES)
        monkeypatch.setenv("MNIST_DATA_DIR", str(own_digits / "new"))
        refused(f"in the folder {own_digits / 'new'}: ", "Permission denied", "MNIST_DATA_DIR")


@pytest.mark.parametrize("place", [".", "digits", "digits/MNIST", "digits/MNIST/raw"])
def test_what_is_in_a_folders_place_is_named_and_kept(tmp_path, monkeypatch, place):
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "base" / "digits"))
    path = tmp_path / "base" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"kept")
    refused(f"in the folder {tmp_path / 'base' / 'digits'}: ", path, "MNIST_DATA_DIR")
    assert path.read_bytes() == b"kept"
    path.unlink()
    link(path, tmp_path / "nowhere")
    refused(path, f"a symbolic link to {tmp_path / 'nowhere'}", "MNIST_DATA_DIR")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("form", ["{0}", "~/{0.name}", "{0.name}", "link"])
def test_a_folder_of_chinese_characters_may_be_named_in_each_way(
    digits, tmp_path, monkeypatch, form
):
    for home in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(home, str(digits.parent))
    monkeypatch.chdir(tmp_path if form == "link" else digits.parent)
    if form == "link":
        link(tmp_path / "link", digits)
    monkeypatch.setenv("MNIST_DATA_DIR", form.format(digits))
    assert data_root().is_absolute()
    assert data_root().samefile(digits)
    assert load_datasets()[1][0][1] == 7


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="homes are known in another way")
@pytest.mark.parametrize("chosen", ["", "~/digits", "~nobody-of-this-name/digits", "digits"])
def test_a_folder_that_is_not_known_is_said(tmp_path, monkeypatch, chosen):
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("pwd.getpwuid", "pwd.getpwnam"):
        monkeypatch.setattr(name, Mock(side_effect=KeyError("nobody knows this user")))
    monkeypatch.setenv("MNIST_DATA_DIR", chosen)
    monkeypatch.chdir(tmp_path)
    if chosen == "digits":
        tmp_path.rmdir()  # now nobody knows where a relative folder lies
    refused(f"MNIST_DATA_DIR is {chosen!r}", "to the full path of a folder")
    assert not tmp_path.exists() or list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_keeps_what_is_whole(empty_folder, monkeypatch):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", Mock(side_effect=full))  # there is not even room for a folder
        refused(f"in the folder {empty_folder}: the disk is full: 0 MB are free")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", Mock(side_effect=[None, None, full]))
        patch.setattr(shutil, "disk_usage", Mock(return_value=Mock(free=7e6)))
        refused(f"in the folder {empty_folder}: the disk is full: 7 MB are free", "MNIST_DATA_DIR")
    assert names_in(empty_folder) == set(NAMES[:2])
    data_root()
    assert is_whole(empty_folder)


KILLED = """
import json, os
from dying import die_at_call, die_when_a_file_has, ended_with, forked
from mnist_helpers.data import data_root

def prepare(die, *arguments):
    die(*arguments)
    data_root()

# In the middle of the first file; with it written and not yet moved; then each time with one more.
deaths = [(die_when_a_file_has, 20_000_000), (die_at_call, "replace", 1)]
deaths += [(die_at_call, "replace", 2)] * 4
one_by_one = []
for death in deaths:
    status = ended_with(forked(lambda: prepare(*death)))
    one_by_one.append([status, os.listdir(os.environ["MNIST_DATA_DIR"] + "/MNIST/raw")])
data_root()

os.environ["MNIST_DATA_DIR"] += " 2"
deaths = [deaths[0], *((die_at_call, "replace", count) for count in (1, 3, 5))]
doomed = [forked(lambda: prepare(*death)) for death in deaths]
# Whichever of them is first at the lock dies; from then on the others are there, too.
first, status = os.wait()
others = [forked(data_root) for _ in range(4)]
doomed = [os.waitstatus_to_exitcode(status), *(ended_with(one) for one in doomed if one != first)]
print(json.dumps([one_by_one, doomed, [ended_with(one) for one in others]]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_of_killed_preparations_whole_files_stay_and_nothing_else(empty_folder, monkeypatch):
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    printed = subprocess.check_output([sys.executable, "-c", KILLED], timeout=240)
    one_by_one, doomed, others = json.loads(printed)
    assert [len(set(names) & set(NAMES)) for _, names in one_by_one] == [0, 0, 1, 2, 3, 4]
    for status, names in one_by_one:
        assert status < 0, "killed by a signal"
        assert len(set(names) - {*NAMES, RECORD, LOCK}) == 1, "only its own unfinished file"
    assert is_whole(empty_folder)

    assert others == [0, 0, 0, 0]
    assert doomed[0] < 0
    assert all(status <= 0 for status in doomed), "killed, or served by what another prepared"
    second = empty_folder.with_name(f"{empty_folder.name} 2")
    assert is_whole(second)
    shutil.rmtree(second)
