"""Faults of the data: damaged archives and files, odd folders, a disk that fills up, processes that are killed."""

import errno
import gzip
import hashlib
import json
import logging
import os
from pathlib import Path
import random
import shutil
import subprocess
import sys

from dying import may_write, obeying_modes
from filelock import FileLock
import mnist_helpers
from mnist_helpers import data
from mnist_helpers.data import MNIST_FILES, DataError, data_root, load_datasets
import platformdirs
import pytest

ARCHIVES = Path(mnist_helpers.__file__).parent / "archives"
NAMES = [file.name for file in MNIST_FILES]
SMALL = MNIST_FILES[3]
OWN_FILES = {".lock", ".verified.json"}
WEB_PAGE = b"<!DOCTYPE html>\n<html><body><h1>Sign in to this network</h1></body></html>\n"


def raw(root):
    return root / "MNIST" / "raw"


def names_in(root):
    return {path.name for path in raw(root).iterdir()} - OWN_FILES


def digest(path):
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_whole(root):
    return {file.name: digest(raw(root) / file.name) for file in MNIST_FILES} == {
        file.name: file.sha256 for file in MNIST_FILES
    }


def warnings(caplog):
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "mnist_helpers.data" and record.levelno == logging.WARNING
    ]


def fashion(file):
    """A file as Fashion-MNIST has it under the same name: as large, with the same header, and other content."""
    header = b"\0\0\x08\x03" if "images" in file.name else b"\0\0\x08\x01"
    sizes = (60_000 if file.name.startswith("train") else 10_000).to_bytes(4, "big")
    if "images" in file.name:
        sizes += (28).to_bytes(4, "big") * 2
    content = random.Random(0).randbytes(file.size - len(header + sizes))
    return header + sizes + content


def with_one_bit_flipped(content, place, bit=0):
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


def replace(path, content):
    """Put a new file in the place of another, which may be linked to one that others use."""
    path.unlink()
    path.write_bytes(content)


# Archives


@pytest.fixture
def one_archive(tmp_path, monkeypatch):
    """A function that puts an archive into a package of its own, of which only that one is prepared."""
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "digits"))

    def damaged(file, content):
        archive = tmp_path / "package" / "archives" / f"{file.name}.gz"
        archive.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            archive.write_bytes(content)
        monkeypatch.setattr(data.resources, "files", lambda package: tmp_path / "package")
        monkeypatch.setattr(data, "MNIST_FILES", (file,))
        return archive

    yield damaged
    shutil.rmtree(tmp_path / "digits", ignore_errors=True)


ARCHIVE_FAULTS = {
    "missing": (lambda packed, file: None, "is missing"),
    "empty": (lambda packed, file: b"", "does not unpack to MNIST's"),
    "truncated": (lambda packed, file: packed[: len(packed) // 2], "cannot be unpacked"),
    "one bit flipped": (
        lambda packed, file: with_one_bit_flipped(packed, len(packed) // 2),
        "cannot be unpacked",
    ),
    "a web page": (lambda packed, file: WEB_PAGE, "cannot be unpacked"),
    "Fashion-MNIST's": (
        lambda packed, file: gzip.compress(fashion(file), compresslevel=0),
        "does not unpack to MNIST's",
    ),
}


@pytest.mark.parametrize("fault", ARCHIVE_FAULTS)
@pytest.mark.parametrize("file", MNIST_FILES, ids=NAMES)
def test_an_archive_that_is_not_mnists_is_named_with_what_to_do(one_archive, file, fault) -> None:
    damage, words = ARCHIVE_FAULTS[fault]
    packed = (ARCHIVES / f"{file.name}.gz").read_bytes()
    archive = one_archive(file, damage(packed, file))
    with pytest.raises(DataError) as caught:
        data_root()
    message = str(caught.value)
    assert f"The archive {archive} " in message
    assert words in message
    assert "git checkout -- mnist_helpers/archives" in message
    assert names_in(data._root_folder()) == set()


def test_a_bit_flipped_anywhere_in_an_archive_makes_no_wrong_digit(one_archive) -> None:
    packed = (ARCHIVES / f"{SMALL.name}.gz").read_bytes()
    places = {*range(30), *range(len(packed) - 8, len(packed))}
    places.update(random.Random(0).sample(range(len(packed)), 50))
    named = harmless = 0
    for place in sorted(places):
        archive = one_archive(SMALL, with_one_bit_flipped(packed, place, bit=place % 8))
        try:
            root = data_root()
        except DataError as error:
            named += str(archive) in str(error)
        else:
            # In the header, which holds a time, for example.
            harmless += 1
            assert digest(raw(root) / SMALL.name) == SMALL.sha256
            shutil.rmtree(root)
    assert named + harmless == len(places)
    assert named > 60


# Unpacked files


FILE_FAULTS = {
    "empty": (lambda file: b"", f"had 0 bytes instead of {SMALL.size:,}"),
    "a web page": (lambda file: WEB_PAGE, f"had {len(WEB_PAGE)} bytes instead of"),
    "Fashion-MNIST's": (fashion, "did not match its checksum"),
}


@pytest.mark.parametrize("fault", FILE_FAULTS)
@pytest.mark.parametrize("file", MNIST_FILES, ids=NAMES)
def test_a_file_that_is_not_mnists_is_rebuilt_and_one_line_says_so(
    own_digits, caplog, file, fault
) -> None:
    make, words = FILE_FAULTS[fault]
    replace(raw(own_digits) / file.name, make(file))
    data_root()
    assert is_whole(own_digits)
    assert names_in(own_digits) == set(NAMES)
    [said] = warnings(caplog)
    assert file.name in said
    assert words.replace(f"{SMALL.size:,}", f"{file.size:,}") in said


def test_all_files_of_fashion_mnist_at_once_are_replaced_by_mnists(own_digits, caplog) -> None:
    for file in MNIST_FILES:
        replace(raw(own_digits) / file.name, fashion(file))
    train_set, _ = load_datasets()
    assert train_set.targets[:5].tolist() == [5, 0, 4, 1, 9]
    assert len(warnings(caplog)) == 4


def test_a_folder_in_a_files_place_is_named_and_kept(own_digits) -> None:
    path = raw(own_digits) / SMALL.name
    path.unlink()
    path.mkdir()
    (path / "kept").write_bytes(b"kept")
    with pytest.raises(DataError) as caught:
        data_root()
    assert f"a folder is in the way where a file is needed ({path})" in str(caught.value)
    assert "Move that folder away" in str(caught.value)
    assert (path / "kept").read_bytes() == b"kept"
    assert names_in(own_digits) == set(NAMES)


def test_a_link_to_nowhere_in_a_files_place_is_replaced_by_the_file(own_digits) -> None:
    path = raw(own_digits) / SMALL.name
    path.unlink()
    link(path, own_digits / "nowhere")
    data_root()
    assert not path.is_symlink()
    assert is_whole(own_digits)


def link(path, target):
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("this system makes no symbolic links")


# Files in use


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses the move: see the next test")
def test_who_reads_a_file_while_it_is_rebuilt_reads_it_to_its_end_as_it_was(own_digits) -> None:
    path = raw(own_digits) / NAMES[2]
    damaged = with_one_bit_flipped(path.read_bytes(), 5000)
    replace(path, damaged)
    with path.open("rb") as stream:
        start = stream.read(4000)
        data_root()
        assert start + stream.read() == damaged
    assert is_whole(own_digits)


def test_a_file_that_another_program_keeps_from_being_replaced_is_named(
    own_digits, monkeypatch
) -> None:
    path = raw(own_digits) / SMALL.name
    replace(path, b"damaged")

    def refuse(source, target):
        # As Windows has it, where a file that is open cannot be replaced.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), source, None, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(DataError) as caught:
        data_root()
    assert f"the file {path} cannot be replaced" in str(caught.value)
    assert "Close what uses it" in str(caught.value)
    assert path.read_bytes() == b"damaged"
    assert names_in(own_digits) == set(NAMES)


@pytest.fixture
def held_lock(own_digits, monkeypatch):
    """The lock of a folder whose files have to be looked at, held as by a process that was stopped."""
    (raw(own_digits) / ".verified.json").unlink()
    monkeypatch.setattr(data, "_LONGEST_WAIT", 0.2)
    with FileLock(raw(own_digits) / ".lock") as lock:
        yield lock


def test_a_lock_that_is_never_released_is_named_and_does_not_hold_up_for_ever(
    held_lock, own_digits
) -> None:
    (raw(own_digits) / SMALL.name).unlink()
    with pytest.raises(DataError) as caught:
        data_root()
    assert f"another process has held the lock {raw(own_digits) / '.lock'}" in str(caught.value)
    assert "End that process" in str(caught.value)


def test_whole_files_will_do_where_the_lock_is_never_released(held_lock, own_digits) -> None:
    assert data_root() == own_digits


# Folders


@pytest.fixture
def modes():
    """File modes that refuse, also to root."""
    with obeying_modes():
        yield


def make_read_only(root):
    """Let nobody write, except root; return a function that takes it back."""
    paths = [root, *root.rglob("*")]
    before = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(before[path] & ~0o222)

    def undo():
        for path, mode in before.items():
            path.chmod(mode)

    return undo


@pytest.fixture
def read_only(own_digits, tmp_path, modes):
    """A function that makes the prepared folder read-only. Its files are no links: theirs is the mode of all."""
    undo = []

    def protect():
        copies = tmp_path / "copies"
        shutil.copytree(own_digits, copies)
        shutil.rmtree(own_digits)
        copies.rename(own_digits)
        undo.append(make_read_only(own_digits))
        if may_write(own_digits):
            pytest.skip("this system lets this user write everywhere")
        return own_digits

    yield protect
    for function in undo:
        function()


@pytest.mark.parametrize("lacking", [[], [".verified.json"], [".verified.json", ".lock"]])
def test_a_whole_read_only_folder_will_do(own_digits, read_only, lacking) -> None:
    for name in lacking:
        (raw(own_digits) / name).unlink()
    read_only()
    assert data_root() == own_digits
    assert len(load_datasets()[1]) == 10_000


@pytest.mark.parametrize("content", [None, b"", WEB_PAGE, fashion(SMALL)], ids=lambda made: "")
def test_a_damaged_read_only_folder_is_named_and_stays_as_it_is(
    own_digits, read_only, content
) -> None:
    path = raw(own_digits) / SMALL.name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    root = read_only()
    before = names_in(root)
    with pytest.raises(DataError) as caught:
        data_root()
    assert f"in the folder {root}: it cannot be written" in str(caught.value)
    assert "MNIST_DATA_DIR" in str(caught.value)
    assert names_in(root) == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch, modes) -> None:
    tmp_path.chmod(0o555)
    if may_write(tmp_path):
        pytest.skip("this system lets this user write everywhere")
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "digits"))
    with pytest.raises(DataError, match="it cannot be written") as caught:
        data_root()
    assert str(tmp_path / "digits") in str(caught.value)
    tmp_path.chmod(0o755)


@pytest.mark.parametrize("place", [".", "digits", "digits/MNIST", "digits/MNIST/raw"])
def test_a_link_to_nowhere_where_a_folder_is_needed_is_named_with_its_target(
    tmp_path, monkeypatch, place
) -> None:
    base = tmp_path / "base"
    path = base / place
    path.parent.mkdir(parents=True, exist_ok=True)
    link(path, tmp_path / "nowhere")
    monkeypatch.setenv("MNIST_DATA_DIR", str(base / "digits"))
    with pytest.raises(DataError) as caught:
        data_root()
    message = str(caught.value)
    assert f"{path} is a symbolic link to {tmp_path / 'nowhere'}, which does not exist" in message
    assert "remove the link" in message
    assert path.is_symlink()
    assert not (tmp_path / "nowhere").exists()


def test_a_link_to_a_prepared_folder_will_do(digits, tmp_path, monkeypatch) -> None:
    link(tmp_path / "linked", digits)
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "linked"))
    assert data_root() == tmp_path / "linked"
    assert len(load_datasets()[1]) == 10_000


@pytest.mark.parametrize("form", ["absolute", "with a ~", "relative", "relative, two folders up"])
def test_a_folder_with_spaces_and_chinese_characters_may_be_named_in_each_way(
    digits, monkeypatch, form
) -> None:
    home = digits.parent
    forms = {
        "absolute": str(digits),
        "with a ~": os.path.join("~", digits.name),
        "relative": digits.name,
        "relative, two folders up": os.path.join("..", home.name, digits.name),
    }
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(home)
    monkeypatch.setenv("MNIST_DATA_DIR", forms[form])
    assert data_root().is_absolute()
    assert data_root().samefile(digits)
    image, label = load_datasets()[1][0]
    assert (list(image.shape), label) == ([1, 28, 28], 7)


def test_a_relative_folder_is_looked_for_where_the_notebook_is(
    digits, tmp_path, monkeypatch
) -> None:
    """Not found from elsewhere, it is prepared anew, as any folder."""
    monkeypatch.setattr(data, "MNIST_FILES", (SMALL,))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_DATA_DIR", digits.name)
    assert data_root() == tmp_path / digits.name
    assert names_in(tmp_path / digits.name) == {SMALL.name}


@pytest.fixture
def no_home(monkeypatch):
    """A user whose home is not known: without HOME, and not among the users of the system, as in some containers."""
    pwd = pytest.importorskip("pwd", reason="Windows knows its users in another way")

    def refuse(key):
        raise KeyError(key)

    for name in ("HOME", "XDG_CACHE_HOME", "MNIST_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", refuse)
    monkeypatch.setattr(pwd, "getpwnam", refuse)


@pytest.mark.skipif(sys.platform == "darwin", reason="there the folder does not follow from HOME")
def test_without_a_home_no_folder_called_tilde_is_made(no_home, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="this user has no home folder") as caught:
        data_root()
    assert "Set the environment variable MNIST_DATA_DIR to the full path" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_home_but_with_a_known_user_the_cache_is_the_usual_one(digits, monkeypatch) -> None:
    pwd = pytest.importorskip("pwd", reason="Windows knows its users in another way")
    monkeypatch.delenv("MNIST_DATA_DIR", raising=False)
    usual = platformdirs.user_cache_dir("mnist_helpers", appauthor=False)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    root = data._root_folder()
    assert root.is_relative_to(pwd.getpwuid(os.getuid()).pw_dir)
    assert root.name == Path(usual).name


@pytest.mark.parametrize("chosen", ["~/digits", "~nobody-of-this-name/digits"])
def test_a_home_that_is_not_known_is_said(no_home, tmp_path, monkeypatch, chosen) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_DATA_DIR", chosen)
    with pytest.raises(DataError) as caught:
        data_root()
    assert f"MNIST_DATA_DIR is {chosen}, and where that lies is not known" in str(caught.value)
    assert "to the full path" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the current folder")
def test_a_relative_folder_is_not_known_where_the_current_one_was_removed(
    tmp_path, monkeypatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setenv("MNIST_DATA_DIR", "digits")
    with pytest.raises(DataError, match="MNIST_DATA_DIR is digits, and where that lies is not"):
        data_root()


# A disk that fills up


FILLING = """
import json, os, subprocess, sys
from pathlib import Path
from mnist_helpers.data import MNIST_FILES, DataError, data_root

disk = Path(os.environ["MNIST_DATA_DIR"])
for megabytes in (30, 52, 70):
    subprocess.run(["mount", "-o", f"remount,size={megabytes}m", disk], check=True)
    try:
        data_root()
        said = None
    except DataError as error:
        said = str(error)
    files = {path.name: path.stat().st_size for path in (disk / "MNIST" / "raw").iterdir()}
    print(json.dumps([said, files]))
"""


def on_a_disk_of_its_own(folder, code):
    """Run Python code with a small disk in memory mounted on a folder, which no other process sees."""
    script = 'mount -t tmpfs -o size=30m disk "$1" && exec "$2" -c "$3"'
    for rights in ([], ["--user", "--map-root-user"]):
        command = ["unshare", *rights, "--mount", "sh", "-c"]
        allowed = subprocess.run(
            [*command, 'mount -t tmpfs disk "$1"', "sh", folder], capture_output=True, check=False
        )
        if allowed.returncode == 0:
            environment = {**os.environ, "MNIST_DATA_DIR": str(folder)}
            done = subprocess.run(
                [*command, script, "sh", folder, sys.executable, code],
                capture_output=True,
                text=True,
                env=environment,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout
    pytest.skip("this system lets this user mount nothing")


@pytest.mark.skipif(shutil.which("unshare") is None, reason="a disk of its own needs unshare")
def test_a_disk_that_fills_up_half_way_keeps_what_is_whole_and_goes_on_when_there_is_room(
    tmp_path,
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    outcomes = [json.loads(line) for line in on_a_disk_of_its_own(disk, FILLING).splitlines()]
    sizes = {file.name: file.size for file in MNIST_FILES}
    for (said, files), kept, free in zip(
        outcomes, ([], NAMES[:2], NAMES), ("31 MB", "7 MB", None), strict=True
    ):
        assert {name: size for name, size in files.items() if name not in OWN_FILES} == {
            name: sizes[name] for name in kept
        }
        if free is None:
            assert said is None
        else:
            assert (
                f"in the folder {disk}: the disk is full, or your share of it: {free} are" in said
            )
            assert "55 MB are needed" in said
            assert "Free some space" in said


# Processes that are killed


def run_python(code, root):
    environment = {**os.environ, "MNIST_DATA_DIR": str(root)}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

KILLED = """
import json, os
from dying import die_at_call, die_when_a_file_has, ended_with, forked
from mnist_helpers.data import data_root

folder = os.path.join(os.environ["MNIST_DATA_DIR"], "MNIST", "raw")

def prepare(die):
    die()
    data_root()

# In the middle of the first file; with that written and not yet moved; then each time with one more file in its place.
deaths = [lambda: die_when_a_file_has(20_000_000), lambda: die_at_call("replace", 1)]
deaths += [lambda: die_at_call("replace", 2)] * 4
seen = []
for die in [*deaths, lambda: None]:
    status = ended_with(forked(lambda: prepare(die)))
    seen.append([status, sorted(os.listdir(folder))])
print(json.dumps(seen))
"""


@needs_fork
def test_what_a_killed_preparation_leaves_behind_is_removed_by_the_next_one(empty_folder) -> None:
    *killed, (status, _) = run_python(KILLED, empty_folder)
    assert status == 0
    assert is_whole(empty_folder)
    assert names_in(empty_folder) == set(NAMES)
    whole = [len(set(names) & set(NAMES)) for _, names in killed]
    assert whole == [0, 0, 1, 2, 3, 4], "what was whole is kept"
    for status, names in killed:
        assert status < 0, "killed by a signal"
        assert len(set(names) - set(NAMES) - OWN_FILES) == 1, "only its own unfinished file"


TOGETHER = """
import json, os
from dying import die_at_call, die_when_a_file_has, ended_with, forked
from mnist_helpers.data import data_root

def prepare(die):
    die()
    data_root()

deaths = [lambda: die_when_a_file_has(20_000_000)]
deaths += [lambda count=count: die_at_call("replace", count) for count in (1, 3, 5)]
doomed = [forked(lambda: prepare(die)) for die in deaths]
# Whichever of them is first at the lock dies; from then on the others are there, too.
first, status = os.wait()
others = [forked(data_root) for _ in range(4)]
doomed = [os.waitstatus_to_exitcode(status), *(ended_with(one) for one in doomed if one != first)]
print(json.dumps([doomed, [ended_with(one) for one in others]]))
"""


@needs_fork
def test_of_eight_processes_at_once_some_are_killed_and_the_others_get_whole_files(
    empty_folder,
) -> None:
    doomed, others = run_python(TOGETHER, empty_folder)
    assert others == [0, 0, 0, 0]
    assert doomed[0] < 0
    assert all(status <= 0 for status in doomed), "killed, or served by what another prepared"
    assert is_whole(empty_folder)
    assert names_in(empty_folder) == set(NAMES)


def test_a_leftover_that_cannot_be_removed_is_said_and_in_nobodys_way(
    own_digits, monkeypatch, caplog
) -> None:
    (raw(own_digits) / ".verified.json").unlink()
    leftover = raw(own_digits) / f".{NAMES[0]}.a1b2c3d4"
    leftover.write_bytes(b"left behind")
    unlink = Path.unlink

    def refuse_one(path, *arguments, **keywords):
        if path == leftover:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
        return unlink(path, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse_one)
        assert data_root() == own_digits
    [said] = warnings(caplog)
    assert str(leftover) in said
    assert "cannot be removed" in said


def test_only_what_a_preparation_writes_is_taken_for_a_leftover(own_digits) -> None:
    (raw(own_digits) / ".verified.json").unlink()
    kept = {"notes.txt", f"{NAMES[0]}.gz", ".notes", f".{NAMES[0]}"}
    for name in kept:
        (raw(own_digits) / name).write_bytes(b"kept")
    (raw(own_digits) / "..verified.json.a1b2c3d4").write_bytes(b"left behind")
    data_root()
    assert names_in(own_digits) == set(NAMES) | kept
