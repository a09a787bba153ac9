"""A class on the hub of tools/hub, whose learners sign in and run lessons as their browsers would.

``python tools/classroom.py`` measures what TEACHING's table says, for 1, 4 and 8 at once: the
memory of each, with lesson 01 and then with lesson 04's training in the same kernel, and how long
an epoch of it takes. ``python tools/classroom.py 2 1``: with 2 threads each, for 1.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
import contextlib
import json
import os
from pathlib import Path
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid

from mnist_helpers.data import data_root, load_datasets
import psutil
import requests
from run_notebooks import read
import websocket

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "the class's"
DATA, TRAINING = "01_data_loading_and_visualization.ipynb", "04_training_and_testing.ipynb"
# Shows a folder as one that everybody may enter, to the hub alone; the folder stays as it is.
ENTER = """
mount -t overlay -o lowerdir="$0",upperdir="$1/up",workdir="$1/work" none "$0" && chmod 711 "$0"
shift
exec "$@"
"""


def until(true):
    """Wait for long, because the machine may be busy; it is not a claim about speed."""
    end = time.monotonic() + 300
    while not (found := true()):
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(1)
    return found


class Hub:
    """A hub that keeps all in one folder, on three free ports of the loopback."""

    def __init__(self, folder: Path, **variables: str):
        self.folder, self.log = folder, folder / "log"
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        self.ports = [one.getsockname()[1] for one in sockets]
        for one in sockets:
            one.close()
        self.address = f"http://127.0.0.1:{self.ports[0]}"
        chosen = {"FOLDER": str(folder), "PORT": str(self.ports[0]), "PASSWORD": PASSWORD}
        self.variables = {f"HUB_{name}": text for name, text in (chosen | variables).items()}

    def command(self) -> list[str]:
        command = [sys.executable, "-m", "jupyterhub"]
        command += [f"--config={ROOT / 'tools/hub/jupyterhub_config.py'}"]
        command += [f"--JupyterHub.hub_port={self.ports[1]}"]
        command += [f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{self.ports[2]}"]
        above = {*Path(sys.executable).resolve().parents, *ROOT.parents}
        closed = [str(one) for one in above if not one.stat().st_mode & 0o001]
        if os.geteuid() == 0 and len(closed) == 1:
            # Root's Python or clone may lie in its home, where learners cannot get at it.
            for name in ("up", "work"):
                (self.folder / name).mkdir(exist_ok=True)
            enter = ["unshare", "-m", "sh", "-c", ENTER, *closed, str(self.folder)]
            if subprocess.run([*enter, "true"], capture_output=True).returncode == 0:
                return [*enter, *command]
        return command

    def start(self):
        options = {"env": os.environ | self.variables, "start_new_session": True}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, **options)
        until(lambda: self.process.poll() is not None or self.answers())
        if self.process.poll() is not None:
            lines = self.log.read_text(errors="replace").splitlines()
            raise OSError("\n".join(line for line in lines if "ConfigProxy" not in line)[-3000:])

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.address}/hub/health", timeout=60).ok
        except requests.ConnectionError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(120)

    def processes(self) -> list[psutil.Process]:
        """Return all that belongs to it, by what their environment names."""
        names = re.compile(rf"{re.escape(str(self.folder))}|:{self.ports[1]}/hub/api")
        found = psutil.process_iter(["environ"])
        return [one for one in found if names.search(str(one.info["environ"]))]


@contextlib.contextmanager
def running_hub(**variables: str) -> Iterator[Hub]:
    """Run a hub, and end all that it started whatever happens."""
    load_datasets()
    # Not a folder of pytest's: it closes them to others, again with each session.
    with tempfile.TemporaryDirectory(prefix="hub-") as folder:
        os.chmod(folder, 0o711)
        shutil.copytree(data_root(), Path(folder, "shared"))
        hub = Hub(Path(folder), **variables)
        try:
            hub.start()
            yield hub
        finally:
            for one in hub.processes():
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(hub.processes(), timeout=60)  # or they would write there still


class Learner:
    """One who signs in, over HTTP and with cookies."""

    def __init__(self, hub: Hub, name: str, **form: str):
        self.hub, self.name, self.web = hub, name, requests.Session()
        self.at = f"{hub.address}/user/{name}"
        self.web.get(f"{hub.address}/hub/login")
        form = {"username": name, "password": f"{name}'s own", "otp": PASSWORD} | form
        form["_xsrf"] = self.web.cookies.get("_xsrf", path="/hub/")
        self.answer = self.web.post(f"{hub.address}/hub/login", data=form)

    def open(self):
        """Ask for the server, as the button does, and wait for its page."""
        self.web.get(f"{self.hub.address}/hub/spawn")
        until(lambda: self.look(f"{self.at}/lab") == 200)

    def look(self, address: str) -> int:
        """Return the status of a page, and 0 where the hub shows one of its own, to wait."""
        page = self.web.get(address)
        return page.status_code if not page.ok or page.url.startswith(address) else 0

    def ask(self, method: str, route: str, **body) -> dict:
        headers = {"X-XSRFToken": self.web.cookies.get("_xsrf", path=f"/user/{self.name}/")}
        options = {"json": body or None, "headers": headers}
        answer = self.web.request(method, f"{self.at}/api/{route}", **options)
        answer.raise_for_status()
        return answer.json()

    def start_kernel(self):
        kernel = self.ask("POST", "kernels", name="python3", path=DATA)
        url = f"{self.at}/api/kernels/{kernel['id']}/channels"
        cookie = requests.cookies.get_cookie_header(self.web.cookies, requests.Request("GET", url))
        self.socket = websocket.create_connection(f"ws{url[4:]}", cookie=cookie, timeout=600)

    def run(self, code: str) -> tuple[str, str | None]:
        """Return what a cell printed, and the name of its error."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "version": "5.3"}
        header |= {"session": self.name, "username": self.name, "date": "2026-01-01T00:00:00Z"}
        asked = {"header": header, "parent_header": {}, "metadata": {}, "channel": "shell"}
        self.socket.send(json.dumps(asked | {"content": {"code": code}}))
        printed, error = "", None
        while True:
            frame = self.socket.recv()
            said = {} if isinstance(frame, bytes) else json.loads(frame)
            if said.get("parent_header", {}).get("msg_id") != header["msg_id"]:
                continue
            if said["msg_type"] == "stream":
                printed += said["content"]["text"]
            elif said["msg_type"] == "error":
                error = said["content"]["ename"]
            elif said["content"].get("execution_state") == "idle":
                return printed, error

    def cells(self, lesson: str) -> list[dict]:
        cells = self.ask("GET", f"contents/{lesson}")["content"]["cells"]
        return [cell for cell in cells if cell["cell_type"] == "code"]

    def run_lesson(self, lesson: str = DATA) -> list[str]:
        """Run a lesson, and return the cells that did not do what is saved with them."""
        wrong = []
        saved = [cell for cell in read(ROOT / "notebooks" / lesson).cells if "outputs" in cell]
        for cell, kept in zip(self.cells(lesson), saved, strict=True):
            printed, error = self.run(cell["source"])
            tags = cell["metadata"].get("tags", [])
            streams = [one["text"] for one in kept["outputs"] if one["output_type"] == "stream"]
            same = printed == "".join(streams) or "nbval-ignore-output" in tags
            if (error is not None) != ("raises-exception" in tags) or not same:
                wrong.append(f"{cell['source']}\n{printed}\n{error}")
        return wrong

    def train(self, epochs: int = 1) -> tuple[float, float]:
        """Run lesson 04 to the end of its training, in fewer epochs; return the training's seconds
        and the test accuracy."""
        for cell in self.cells(TRAINING):
            code = cell["source"].replace("epochs=10", f"epochs={epochs}")
            start = time.perf_counter()
            self.run(code)
            if code != cell["source"] and "fit(" in code:
                seconds = time.perf_counter() - start
                break
        measure = "print(evaluate(classic_model, test_loader, loss_function)[1])"
        return seconds, float(self.run(measure)[0])


def measure(cpus: str, count: int):
    """Print a line of the table: of so many learners, with so many threads each."""
    peaks = []
    with running_hub(CPUS=cpus) as hub, ThreadPoolExecutor(count) as pool:
        learners = list(pool.map(lambda number: Learner(hub, f"learner-{number}"), range(count)))
        list(pool.map(Learner.open, learners))
        list(pool.map(Learner.start_kernel, learners))
        for lesson in (Learner.run_lesson, Learner.train):
            done, peak = threading.Event(), [0]
            watcher = threading.Thread(target=watch, args=(hub, done, peak))
            watcher.start()
            results = list(pool.map(lesson, learners))
            done.set()
            watcher.join()
            peaks.append(f"{peak[0] / count / 1e9:.2f}")
    seconds = [one for one, _ in results]
    print(
        f"{count} at once, threads of each: {cpus}; an epoch takes {min(seconds):.1f} to "
        f"{max(seconds):.1f} s; each takes {peaks[0]} GB with lesson 01, then {peaks[1]} GB",
        flush=True,
    )


def watch(hub: Hub, done: threading.Event, peak: list[int]):
    """Keep the most memory that the servers and kernels had; what they share counts once."""
    while not done.wait(1):
        total = 0
        for one in hub.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                if "HUB_FOLDER" not in one.info["environ"]:
                    total += one.memory_full_info().pss
        peak[0] = max(peak[0], total)


if __name__ == "__main__":
    print(f"{os.cpu_count()} processors, {psutil.virtual_memory().total / 1e9:.0f} GB of memory")
    for number in map(int, sys.argv[2:] or (1, 4, 8)):
        measure(sys.argv[1] if len(sys.argv) > 1 else "1", number)
