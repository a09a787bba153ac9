"""What a lesson leaves behind in its kernel: looked at after the last cell of each lesson that nbval runs."""

import ast
import json
from pathlib import Path

from mnist_helpers.checkup import MEMORY_NEEDED
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbFile
import pytest

# Once in a process, however long it lives, and meant so by the library: matplotlib keeps the fonts open that it has
# drawn with, tqdm a thread that looks after all bars, pyzmq one that frees large messages once they are sent.
KNOWN = (".ttf", "tqdm._monitor", "zmq.utils.garbage")

_LOOK = Path(__file__).with_name("kernel_state.py")


class Leftovers(pytest.Item):
    """Stands after a lesson's last cell. It fails where the kernel took more memory than a learner is told, or where a
    thread, a process or an open file is left that was not there when the kernel had just started."""

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return where this stands, for the heading of a failure's report: it names the lesson."""
        return self.path, None, f"{self.path.name}: {self.name}"

    def runtest(self) -> None:
        found, fresh = look_into(self.parent.kernel), self.parent.fresh
        assert found["peak"] < MEMORY_NEEDED, f"{found['peak'] / 1e9:.2f} GB at its peak"
        for kind in ("threads", "processes", "files"):
            left = [one for one in found[kind] if one not in fresh[kind]]
            left = [one for one in left if not any(known in str(one) for known in KNOWN)]
            assert not left, f"{kind} left behind: {left}"


def with_leftovers(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the items, after the last cell of each lesson one that looks what is left."""
    last = {item.parent: item for item in items if isinstance(item.parent, IPyNbFile)}
    result = []
    for item in items:
        result.append(item)
        if last.get(item.parent) is item:
            result.append(Leftovers.from_parent(item.parent, name="what is left behind"))
    return result


def note_fresh(item: pytest.Item) -> None:
    """Note what the kernel of a lesson holds before its first cell. To be called when the kernel runs."""
    if isinstance(item.parent, IPyNbFile) and not hasattr(item.parent, "fresh"):
        item.parent.fresh = look_into(item.parent.kernel)


def look_into(kernel: RunningKernel) -> dict:
    """Return what kernel_state.py finds in a kernel of nbval."""
    expression = f"__import__('runpy').run_path({str(_LOOK)!r})['look']()"
    sent = kernel.kc.execute(
        "", silent=True, store_history=False, user_expressions={"found": expression}
    )
    while True:
        reply = kernel.kc.get_shell_msg(timeout=120)
        if reply["parent_header"].get("msg_id") == sent:
            break
    result = reply["content"]["user_expressions"]["found"]
    assert result["status"] == "ok", result
    # The kernel answers as Python writes a string.
    return json.loads(ast.literal_eval(result["data"]["text/plain"]))
