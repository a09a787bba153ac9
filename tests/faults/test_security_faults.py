"""What a stranger on the network, or a file from a stranger, can do: nothing."""

import gzip
import json
import os
from pathlib import Path
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from makefile import dry_run
from mnist_helpers import data
from mnist_helpers.data import MNIST_FILES, data_root
import psutil
import pytest
from run_notebooks import ROOT

# Code that runs what a file or a text holds, or that writes where a file says. Ruff looks for it in the package.
DANGERS = [
    "import pickle\n\npickle.loads(input())",
    "eval(input())",
    "exec(input())",
    "import torch\n\ntorch.load(input())",
    "from torch import load as look\n\nlook(input())",
    "import numpy as np\n\nnp.load(input(), allow_pickle=True)",
    "import os\n\nos.system(input())",
    "import subprocess\n\nsubprocess.run(input(), shell=True)",
    "import tarfile\n\ntarfile.open(input()).extractall()",
]


@pytest.mark.parametrize("code", DANGERS)
def test_code_in_the_package_that_runs_what_a_file_holds_fails_make_lint(code) -> None:
    place = str(ROOT / "mnist_helpers" / "new.py")
    command = [sys.executable, "-m", "ruff", "check", "--stdin-filename", place, "-"]
    done = subprocess.run(command, input=f"{code}\n", capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert re.search(r"^(S\d|TID251)", done.stdout, flags=re.M), done.stdout


def test_an_archive_that_names_another_place_is_unpacked_into_its_own(
    empty_folder, tmp_path, monkeypatch
) -> None:
    packed = tmp_path / "archives"
    shutil.copytree(ROOT / "mnist_helpers" / "archives", packed)
    name = list(MNIST_FILES)[3]
    content = gzip.decompress((packed / f"{name}.gz").read_bytes())
    # The name within the archive, which some programs unpack to.
    elsewhere = "../../../written by the archive"
    with (
        (packed / f"{name}.gz").open("wb") as raw,
        gzip.GzipFile(elsewhere, "wb", fileobj=raw) as archive,
    ):
        archive.write(content)
    monkeypatch.setattr(data.resources, "files", lambda package: tmp_path)
    assert data_root() == empty_folder
    names = {path.name for path in tmp_path.rglob("*")} | {path.name for path in Path().iterdir()}
    assert not [name for name in names if "written by" in name]
    assert (empty_folder / "MNIST" / "raw" / name).read_bytes() == content


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The server that `make lab` starts, with its own line, on a port that is free; its process and its details."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("security")
    line = dry_run("lab", f"PORT={port}", "ARGS=--no-browser").splitlines()[-1]
    _, _, arguments = line.partition(" -m ")
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime"}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *arguments.split()],
            cwd=ROOT,
            env=os.environ | {name: str(home / place) for name, place in places.items()},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield psutil.Process(server.pid), details(home, server)
        finally:
            server.terminate()
            server.wait(timeout=30)


def details(home: Path, server: subprocess.Popen) -> dict:
    """Return what the server wrote down of itself, as soon as it answers."""
    end = time.monotonic() + 120  # long, because the machine may be busy; no claim about speed
    while time.monotonic() < end and server.poll() is None:
        for path in (home / "runtime").glob("jpserver-*.json"):
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
                urllib.request.urlopen(f"{found['url']}api").close()
                return found
            except (ValueError, urllib.error.URLError):
                break  # not yet
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start: {(home / 'log').read_text(errors='replace')[-2000:]}")


def test_make_labs_server_listens_on_the_loopback_only(lab) -> None:
    process, found = lab
    sockets = [
        connection.laddr
        for one in [process, *process.children(recursive=True)]
        for connection in one.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert found["port"] in {address.port for address in sockets}
    assert {address.ip for address in sockets} <= {"127.0.0.1", "::1"}


def status(address: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("what", ["api/contents", "api/kernels", "api/terminals"])
def test_make_labs_server_wants_its_token(lab, what) -> None:
    _, found = lab
    assert len(found["token"]) >= 32
    address = f"{found['url']}{what}"
    assert status(address) == 403
    assert status(address, Authorization=f"token {secrets.token_hex(24)}") == 403
    assert status(address, Authorization=f"token {found['token']}") == 200
