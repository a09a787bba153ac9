"""What a kernel holds: threads, processes, open files, memory. Run in the kernel itself, by leftovers.py."""

import json
import sys
import threading

import psutil

# IPython keeps its history in a database.
_OF_JUPYTER = ("history.sqlite", "history.sqlite-journal")


def look() -> str:
    """Return, as JSON, what the process that calls this holds. It is called in the kernel."""
    process = psutil.Process()
    if sys.platform == "win32":
        peak = process.memory_info().peak_wset
    else:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2) on macOS counts bytes
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return json.dumps(
        {
            "peak": peak,
            "threads": [f"{type(one).__module__} {one.name}" for one in threading.enumerate()],
            "processes": [child.cmdline() for child in process.children(recursive=True)],
            "files": [
                file.path
                for file in process.open_files()
                if not file.path.endswith(_OF_JUPYTER) and not file.path.startswith("/dev/")
            ],
        }
    )
