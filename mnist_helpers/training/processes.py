"""PyTorch's torchrun, on this computer alone."""

import os
from pathlib import Path
import re
import subprocess
import sys
import tempfile


def torchrun(
    script: str | Path, *options: object, processes: int, threads: int = 1, restarts: int = 0
) -> str:
    """Run a script in several processes, on the processor, and return what they print. They meet at
    a file, ``$MEET``, and talk over the loopback. None outlives the call, even if interrupted. A
    RuntimeError says in which lines of the script they failed."""
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    command += [f"--max-restarts={restarts}", "--rdzv-backend=c10d", "--rdzv-conf=store_type=file"]
    # Without the first, torchrun opens a port to everybody, although nobody asks for it here.
    variables = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "CUDA_VISIBLE_DEVICES": ""}
    variables["GLOO_SOCKET_IFNAME"] = "lo0" if sys.platform == "darwin" else "lo"
    variables["OMP_NUM_THREADS"] = str(threads)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        variables["MEET"] = Path(folder, "processes").as_uri()
        command += [f"--rdzv-endpoint={Path(folder, 'agent')}", f"--log-dir={folder}"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        how = {"env": os.environ | variables, "start_new_session": True, **pipes}
        running = subprocess.Popen([*command, str(script), *map(str, options)], **how)
        try:
            told, errors = running.communicate()
        finally:
            running.terminate()  # it ends its processes
            running.wait()
    if running.returncode:
        own = rf'(\[rank\d+\]: ) *File ".*{re.escape(Path(script).name)}", (line \d+)'
        found = re.findall(rf"^(?:{own}|(\[rank\d+\]: \w+Error: .*))", errors, re.M)
        raise RuntimeError("\n".join(map("".join, found)) or errors)
    return told
