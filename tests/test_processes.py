import ipaddress
import os
import signal
import subprocess
import sys
import time

from mnist_helpers.training import torchrun
import psutil
import pytest
from run_notebooks import ROOT

BEGIN = """
import os, pathlib, time
import torch.distributed as dist
rank = int(os.environ["RANK"])
dist.init_process_group("gloo", os.environ["MEET"], rank=rank, world_size=2)
dist.barrier()
"""


def test_an_error_names_process_and_line_and_the_variables_are_set(tmp_path):
    script = tmp_path / "script.py"
    told = "os.environ['OMP_NUM_THREADS'], os.environ['GLOO_SOCKET_IFNAME'][:2]"
    script.write_text(f"{BEGIN}if rank == 1:\n    raise ValueError({told})\n")
    with pytest.raises(RuntimeError) as raised:
        torchrun(script, processes=2, threads=3)
    assert str(raised.value) == "[rank1]: line 8\n[rank1]: ValueError: ('3', 'lo')"


@pytest.mark.skipif(os.name == "nt", reason="there a signal is sent otherwise")
def test_an_interrupted_run_leaves_no_process_and_hears_this_computer_only(tmp_path):
    script = "pathlib.Path(f'ready{rank}').touch()\ntime.sleep(300)\n"
    (tmp_path / "script.py").write_text(BEGIN + script)
    # A shell that starts the tests in the background has them ignore interrupts.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from mnist_helpers.training import torchrun; torchrun('script.py', processes=2)"
    path = os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])
    how = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": path}, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", code], **how) as learner:
        while len(list(tmp_path.glob("ready?"))) < 2:
            assert learner.poll() is None
            time.sleep(0.1)
        started = psutil.Process(learner.pid).children(recursive=True)
        sockets = [one for process in started for one in process.net_connections()]
        heard = [one.laddr.ip for one in sockets if one.status == psutil.CONN_LISTEN]
        learner.send_signal(signal.SIGINT)
    assert len(started) == 3
    assert heard
    assert all(ipaddress.ip_address(address).is_loopback for address in heard)
    _, left = psutil.wait_procs(started, timeout=10)
    assert not [process for process in left if process.status() != psutil.STATUS_ZOMBIE]
