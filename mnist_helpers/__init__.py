"""What more than one lesson needs. Import the module you need: this file imports none.

It sets two variables, where nobody has. PyTorch's threads on Linux wait for each other by spinning,
and so two trainings on the same cores become tens of times slower. A short spin cures that. And
there are as many as processors, also where a hub or container gives less. Both are read when
torch is first imported, so the lessons import ``mnist_helpers`` before ``torch``.
"""

from contextlib import suppress
import os
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "3000")
if "OMP_NUM_THREADS" not in os.environ:
    with suppress(OSError, ValueError):  # no limit
        if not (_cpus := float(os.environ.get("CPU_LIMIT") or 0)):
            _at = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip()
            _max = Path(f"/sys/fs/cgroup{_at}/cpu.max").read_text().split()
            _cpus = int(_max[0]) / int(_max[1])
        if _cpus < os.cpu_count():
            os.environ["OMP_NUM_THREADS"] = str(max(1, int(_cpus)))
