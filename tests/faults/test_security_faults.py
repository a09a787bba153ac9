import json
import os
import re
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request

from jupyter_server.serverapp import list_running_servers
from makefile import dry_run, needs_make
import psutil
import pytest
from run_notebooks import ROOT

import open_lessons

# Each line runs what a file or a text holds, or writes where a file says.
DANGERS = """\
import os, pickle, subprocess, tarfile, numpy as np, torch
from torch import load as look
pickle.loads(input())
eval(input())
exec(input())
torch.load(input())
look = torch.load
np.load(input(), allow_pickle=True)
os.system(input())
subprocess.run(input(), shell=True)
tarfile.open(input()).extractall()
"""


def test_code_that_runs_what_a_file_holds_fails_make_lint():
    check, *_ = dry_run("lint").splitlines()[-3:]
    assert check.strip().endswith("-m ruff check"), "of everything, with the project's settings"
    command = [sys.executable, "-m", "ruff", "check", "--output-format=json", "-"]
    command += ["--stdin-filename", ROOT / "mnist_helpers" / "new.py"]
    done = subprocess.run(command, input=DANGERS, capture_output=True, text=True)
    found = [(one["code"], one["location"]["row"]) for one in json.loads(done.stdout)]
    refused = {row for code, row in found if re.match(r"S\d|TID251", code)}
    assert refused >= set(range(2, DANGERS.count("\n") + 1)), done.stdout


def status(address, **headers):
    try:
        return urllib.request.urlopen(urllib.request.Request(address, headers=headers)).status
    except urllib.error.URLError as error:
        return getattr(error, "code", None)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    made = dry_run("lab", "ARGS=--no-browser").splitlines()[-1].partition("open_lessons.py ")[2]
    own = open_lessons.command(*made.split())[1:]
    command = [sys.executable, *(one.replace("my_lessons", "notebooks") for one in own)]
    home = str(tmp_path_factory.mktemp("security"))
    places = {"JUPYTER_CONFIG_DIR": home, "JUPYTER_RUNTIME_DIR": home}
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | places) as server:
        try:
            while not (found := list(list_running_servers(home))) or not status(found[0]["url"]):
                assert server.poll() is None, "JupyterLab did not start"
                time.sleep(0.1)
            yield found[0]
        finally:
            server.terminate()


@needs_make
def test_make_labs_server_listens_on_the_loopback_only(lab):
    connections = psutil.Process(lab["pid"]).net_connections("inet")
    listening = [one.laddr for one in connections if one.status == psutil.CONN_LISTEN]
    assert lab["port"] in {port for _, port in listening}
    assert {host for host, _ in listening} <= {"127.0.0.1", "::1"}


@needs_make
def test_make_labs_server_wants_its_token(lab):
    assert len(lab["token"]) >= 32
    for what in ("api/contents", "api/kernels", "api/terminals"):
        address = lab["url"] + what
        assert status(address) == 403
        assert status(address, Authorization=f"token {secrets.token_hex(24)}") == 403
        assert status(address, Authorization=f"token {lab['token']}") == 200
