import ast
import contextlib
from pathlib import Path
import re

from jupyter_client import BlockingKernelClient
import nbformat
from playwright.sync_api import expect
import psutil

# How long to wait, in ms; a busy machine takes several times as long as an idle one.
RUNNING, QUICK = 1_800_000, 60_000

# Once in a process, and meant so by the library: the fonts that matplotlib has drawn with and
# IPython's history; and threads: JupyterLab asks through a subshell, tqdm's looks after all bars,
# pyzmq's, which has no name, frees large messages.
KEPT = re.compile(
    r"file: (/dev/.*|.*\.ttf|.*history\.sqlite(-journal)?)"
    r"|thread: (subshell-.*|tqdm_monitor|Thread-\d+|HistorySavingThread)"
)


class Desk:
    def __init__(self, page, lab, name):
        self.page, self.lab, self.name = page, lab, name
        self.panel = page.locator(".jp-NotebookPanel")
        self.asked: list[str] = []
        for event in ("request", "websocket"):
            page.on(event, lambda made: self.asked.append(made.url))
        page.goto(f"{lab.address}lab/workspaces/{name[:2]}/tree/{name}?token={lab.token}&reset")
        self._wait_until_open()
        sessions = page.request.get(f"{lab.address}api/sessions").json()
        self.session = next(one for one in sessions if one["path"] == name)
        self.held_before = self.kernel_holds()

    def reload(self):
        self._choose("File", "docmanager:save")
        self.page.wait_for_timeout(1_000)
        self.page.reload()
        self._wait_until_open()

    def _wait_until_open(self):
        expect(self.panel.locator(".jp-CodeCell").first).to_be_visible(timeout=QUICK)
        # Whoever runs a cell before there is a kernel is asked for one, at least in JupyterLab 4.6.
        toolbar = self.panel.locator(".jp-NotebookPanel-toolbar")
        expect(toolbar).to_contain_text("Python 3", timeout=QUICK)
        self._wait_until_idle()

    def _wait_until_idle(self):
        indicator = self.panel.locator(".jp-Notebook-ExecutionIndicator").first
        expect(indicator).to_have_attribute("data-status", "idle", timeout=QUICK)

    def _choose(self, menu, command):
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.locator(f'.lm-Menu-item[data-command="{command}"]').click()

    def run_all(self):
        prompts, ran = self.panel.locator(".jp-CodeCell .jp-InputPrompt"), re.compile(r"\d")
        self._choose("Edit", "editmenu:clear-all")
        expect(prompts.filter(has_text=ran)).to_have_count(0, timeout=QUICK)
        for _ in range(5):
            self._choose("Run", "runmenu:run-all")
            self.page.wait_for_timeout(1_000)
            # A page that is still connecting to its kernel may pass over a command in silence.
            if prompts.first.inner_text() != "[ ]:":
                break
        expect(prompts.filter(has_not_text=ran)).to_have_count(0, timeout=RUNNING)
        self._wait_until_idle()
        with self.page.expect_response(
            lambda got: got.request.method == "PUT" and f"/api/contents/{self.name}" in got.url
        ):
            self._choose("File", "docmanager:save")

    def code_cells(self):
        cells = nbformat.read(self.lab.folder / self.name, as_version=4).cells
        return [cell for cell in cells if cell.cell_type == "code"]

    def output_of(self, code):
        editor = self.page.locator(".jp-InputArea-editor", has_text=code)
        return self.page.locator(".jp-CodeCell").filter(has=editor).first.locator(".jp-OutputArea")

    def kernel_holds(self):
        file = self.lab.runtime / f"kernel-{self.session['kernel']['id']}.json"
        client = BlockingKernelClient(connection_file=str(file))
        client.load_connection_file()
        client.start_channels()
        code = "(__import__('os').getpid(), [t.name for t in __import__('threading').enumerate()])"
        asked = {"it": code}
        reply = client.execute("", silent=True, user_expressions=asked, reply=True, timeout=120)
        client.stop_channels()
        answer = reply["content"]["user_expressions"]["it"]["data"]["text/plain"]
        number, threads = ast.literal_eval(answer)
        self.process = psutil.Process(number)
        held = [f"thread: {name}" for name in threads]
        held += [f"process: {one.cmdline()}" for one in self.process.children(recursive=True)]
        held += [f"file: {one.path}" for one in self.process.open_files()]
        return {one for one in held if not KEPT.fullmatch(one)}

    def peak(self):
        """Return the most bytes that the kernel had resident, or without Linux has."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return self.process.memory_info().rss
        # Not getrusage(2): there a process inherits the peak of the one that started it.
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="utf-8"))[1]) * 1024


@contextlib.contextmanager
def running(browser, lab, name):
    context = browser.new_context(
        viewport={"width": 1280, "height": 800},
        extra_http_headers={"Authorization": f"token {lab.token}"},
    )
    desk = Desk(context.new_page(), lab, name)
    desk.run_all()
    yield desk
    # It takes memory, and would go on where the notebook is opened again.
    ended = context.request.delete(f"{lab.address}api/sessions/{desk.session['id']}")
    assert ended.ok, ended.status_text
    context.close()
