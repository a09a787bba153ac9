"""JupyterLab on copies of the lessons, and one of them open in a browser."""

import ast
import itertools
from pathlib import Path
import re
import sys
from typing import NamedTuple

from jupyter_client import BlockingKernelClient
import nbformat
from nbformat import NotebookNode
from playwright.sync_api import Locator, Page, expect
import psutil

# How long to wait, in ms: training takes minutes, and several times as long on a busy machine.
RUNNING, QUICK = 1_800_000, 60_000

# Once in a process, and meant so by the library: the fonts that matplotlib has drawn with, IPython's history.
KEPT_FILES = (".ttf", "history.sqlite", "history.sqlite-journal")
# JupyterLab asks through a subshell; tqdm's looks after all bars, pyzmq's frees large messages.
KEPT_THREADS = (
    "subshell-",
    "tqdm_monitor",
    "Thread-",
    "zmq",
    "GarbageCollector",
    "HistorySavingThread",
)


class Lab(NamedTuple):
    """A running JupyterLab: its address with a slash at the end, its token, and two folders of its own: with the copies
    of the lessons, and with the files that say how to reach its kernels."""

    address: str
    token: str
    folder: Path
    runtime: Path


class Desk:
    """A notebook of the lab's folder that is open in JupyterLab, and its kernel."""

    def __init__(self, page: Page, lab: Lab, name: str) -> None:
        self.page, self.lab, self.name, self.path = page, lab, name, lab.folder / name
        self.outside: list[str] = []
        page.on("request", self._note)
        workspace = f"{lab.address}lab/workspaces/test-{name[:3].strip('_.')}"
        page.goto(f"{workspace}/tree/{name}?token={lab.token}&reset")
        expect(page.locator(".jp-NotebookPanel .jp-CodeCell").first).to_be_visible(timeout=QUICK)
        # Whoever runs a cell before there is a kernel is asked for one, at least in JupyterLab 4.6.0.
        toolbar = page.locator(".jp-NotebookPanel-toolbar")
        expect(toolbar).to_contain_text("Python 3", timeout=QUICK)
        self._wait_until_idle(QUICK)

    def _note(self, request) -> None:
        own = (self.lab.address, self.lab.address.replace("http", "ws"), "data:", "blob:")
        if not request.url.startswith(own):
            self.outside.append(request.url)

    def _wait_until_idle(self, timeout: float) -> None:
        indicator = self.page.locator(".jp-NotebookPanel .jp-Notebook-ExecutionIndicator")
        expect(indicator.first).to_have_attribute("data-status", "idle", timeout=timeout)

    def _choose(self, menu: str, command: str) -> None:
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.locator(f'.lm-Menu-item[data-command="{command}"]').click()

    def run_all(self) -> None:
        """Clear all outputs, choose *Run All Cells*, wait until every cell has run, and save."""
        prompts = self.page.locator(".jp-NotebookPanel .jp-CodeCell .jp-InputPrompt")
        self._choose("Edit", "editmenu:clear-all")
        expect(prompts.filter(has_text=re.compile(r"\d"))).to_have_count(0, timeout=QUICK)
        for _ in range(5):
            self._choose("Run", "runmenu:run-all")
            self.page.wait_for_timeout(1_000)
            # A page that is still connecting to its kernel may pass over a command, and says nothing.
            if prompts.first.inner_text() != "[ ]:":
                break
        expect(prompts.filter(has_not_text=re.compile(r"\d"))).to_have_count(0, timeout=RUNNING)
        self._wait_until_idle(QUICK)
        self.path.unlink()
        self._choose("File", "docmanager:save")
        for _ in range(200):
            if self.path.exists() and self.path.read_text(encoding="utf-8").endswith("}\n"):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{self.name} was not saved")

    def code_cells(self) -> list[NotebookNode]:
        """Return the code cells as they were saved."""
        cells = nbformat.read(self.path, as_version=4).cells
        return [cell for cell in cells if cell.cell_type == "code"]

    def output_of(self, code: str) -> Locator:
        """Return the output of the cell that holds some code, as one sees it."""
        cell = self.page.locator(".jp-CodeCell").filter(
            has=self.page.locator(".jp-InputArea-editor", has_text=code)
        )
        return cell.first.locator(".jp-OutputArea")

    def _session(self) -> dict:
        address = f"{self.lab.address}api/sessions?token={self.lab.token}"
        sessions = self.page.request.get(address).json()
        return next(one for one in sessions if one["path"] == self.name)

    def end_kernel(self) -> None:
        """End the notebook's kernel: it takes memory, and would go on where the lesson is opened again."""
        address = f"{self.lab.address}api/sessions/{self._session()['id']}?token={self.lab.token}"
        # A request that is no reading one also needs the token that guards against forged pages.
        ended = self.page.request.delete(
            address, headers={"Authorization": f"token {self.lab.token}"}
        )
        assert ended.ok, ended.status_text

    def kernel_holds(self) -> dict[str, list]:
        """Return what the kernel holds: threads, processes and open files."""
        file = self.lab.runtime / f"kernel-{self._session()['kernel']['id']}.json"
        client = BlockingKernelClient(connection_file=str(file))
        client.load_connection_file()
        client.start_channels()
        asked = "(__import__('os').getpid(), [t.name for t in __import__('threading').enumerate()])"
        reply = client.execute(
            "", silent=True, user_expressions={"it": asked}, reply=True, timeout=120
        )
        client.stop_channels()
        number, threads = ast.literal_eval(
            reply["content"]["user_expressions"]["it"]["data"]["text/plain"]
        )
        self.process = psutil.Process(number)
        return {
            "threads": [name for name in threads if not name.startswith(KEPT_THREADS)],
            "processes": [child.cmdline() for child in self.process.children(recursive=True)],
            "files": [
                file.path
                for file in self.process.open_files()
                if not file.path.endswith(KEPT_FILES) and not file.path.startswith("/dev/")
            ],
        }

    def peak(self) -> int:
        """Return the most memory in bytes that the kernel had resident; on macOS what it has now."""
        if sys.platform == "linux":
            # Not getrusage(2): on Linux a process inherits the peak of the one that started it.
            status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
            return int(re.search(r"^VmHWM:\s*(\d+) kB$", status, flags=re.M)[1]) * 1024
        memory = self.process.memory_info()
        return getattr(memory, "peak_wset", memory.rss)


def left_behind(before: dict[str, list], after: dict[str, list]) -> dict[str, list]:
    """Return what is held after, and was not before."""
    return {
        kind: left
        for kind in before
        if (left := list(itertools.filterfalse(before[kind].__contains__, after[kind])))
    }
