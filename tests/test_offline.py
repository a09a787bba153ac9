import os
import socket
import subprocess
import sys

import pytest
from run_notebooks import ROOT

# Addresses kept for documentation (RFC 5737, RFC 3849) and a name that never exists (RFC 2606).
FAR = {
    "an address": "socket.create_connection(('192.0.2.1', 80), timeout=1)",
    "a name looked up": "socket.getaddrinfo('lessons.invalid', 80)",
    "an old look-up": "socket.gethostbyname('lessons.invalid')",
    "IPv6": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))",
    "a datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 53))",
}


@pytest.fixture
def noted(tmp_path, monkeypatch):
    log = tmp_path / "connections.txt"
    monkeypatch.setenv("MNIST_CONNECTIONS", str(log))
    return lambda: log.read_text(encoding="utf-8").splitlines() if log.exists() else []


@pytest.mark.parametrize("code", FAR.values(), ids=FAR)
def test_a_connection_is_refused_and_noted(noted, code):
    with pytest.raises(ConnectionRefusedError, match="no connection to another computer"):
        exec(code, {"socket": socket})
    assert len(noted()) == 1


def test_another_process_is_refused_all_but_the_loopback(noted):
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = f"socket.create_connection({server.getsockname()}, timeout=10)"
        for code, status, count in [(near, 0, 0), (FAR["an address"], 1, 1)]:
            done = subprocess.run([sys.executable, "-c", f"import socket; {code}"], timeout=60)
            assert (done.returncode, len(noted())) == (status, count)


def test_a_run_that_tried_a_connection_fails(noted, tmp_path):
    code = f"def test_it():\n    with suppress(OSError):\n        {FAR['a name looked up']}\n"
    imports = "from contextlib import suppress\nimport socket\n"
    (tmp_path / "test_one.py").write_text(imports + code, encoding="utf-8")
    # By itself, and not as one of the workers of this run.
    alone = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    alone["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests"), alone["PYTHONPATH"]])
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-c", os.devnull, "test_one.py"]
    options = {"capture_output": True, "text": True, "timeout": 120}
    done = subprocess.run(command, cwd=tmp_path, env=alone, **options)
    assert "1 passed" in done.stdout, done.stdout
    assert "a connection was tried: socket.getaddrinfo 'lessons.invalid'" in done.stdout
    assert done.returncode == 1
