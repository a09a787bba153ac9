"""What a kernel holds: threads, processes, open files, memory. Run in the kernel itself, by leftovers.py."""

import json
from pathlib import Path
import re
import sys
import threading

import psutil

# IPython keeps its history in a database.
_OF_JUPYTER = ("history.sqlite", "history.sqlite-journal")


def look() -> str:
    """Return, as JSON, what the process that calls this holds. It is called in the kernel."""
    process = psutil.Process()
    return json.dumps(
        {
            "peak": _peak(process),
            "threads": [f"{type(one).__module__} {one.name}" for one in threading.enumerate()],
            "processes": [child.cmdline() for child in process.children(recursive=True)],
            "files": [
                file.path
                for file in process.open_files()
                if not file.path.endswith(_OF_JUPYTER) and not file.path.startswith("/dev/")
            ],
        }
    )


def _peak(process: psutil.Process) -> int:
    """Return the most memory that the process ever had resident, in bytes."""
    if sys.platform == "win32":
        return process.memory_info().peak_wset
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Not getrusage(2): on Linux a process inherits the peak of the one that started it.
    line = re.search(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(), flags=re.M)
    return int(line[1]) * 1024
