from concurrent.futures import ThreadPoolExecutor
import os
from pathlib import Path
import sys

from classroom import Learner, running_hub, until
import psutil
import pytest
import websocket

LESSON = "01_data_loading_and_visualization.ipynb"


@pytest.fixture(scope="module")
def hub():
    if not Path(sys.prefix, "node_modules", "configurable-http-proxy").is_dir():
        stop = pytest.fail if os.environ.get("CLASS_REQUIRED") else pytest.skip
        stop("JupyterHub with its proxy is not installed: python tools/set_up.py --hub")
    with running_hub() as running:
        yield running


@pytest.fixture(scope="module")
def learners(hub):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: Learner(hub, f"learner-{number}"), range(8)))
        list(pool.map(Learner.open, found))
        list(pool.map(Learner.start_kernel, found))
    return found


def test_it_listens_on_the_loopback_alone_and_lets_in_who_knows_both_passwords(hub, learners):
    for wrong in ({"otp": "guessed"}, {"password": "another's"}):
        assert Learner(hub, "learner-0", **wrong).answer.status_code == 403
    ends = [end for process in hub.processes() for end in process.net_connections("inet")]
    listening = [end.laddr.ip for end in ends if end.status == psutil.CONN_LISTEN]
    assert len(listening) > 8
    assert set(listening) == {"127.0.0.1"}


def test_eight_run_lesson_01_and_two_of_them_train_at_the_same_time(learners):
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda one: one.run_lesson(LESSON), learners)) == [[]] * 8
        for _, accuracy in pool.map(lambda one: one.train(epochs=1), learners[:2]):
            assert accuracy > 0.9


def test_each_has_a_share_and_reads_what_all_have(hub, learners):
    one = learners[2]
    where = "from mnist_helpers.data import data_root; print(data_root())"
    assert one.run(where) == (f"{hub.folder}/shared\n", None)
    assert one.run("import torch; print(torch.get_num_threads())") == ("1\n", None)
    assert one.run("too_much = bytearray(4 * 2**30)") == ("", "MemoryError")


def test_nobody_sees_anothers_files_or_changes_what_all_have(hub, learners):
    one, other = learners[2:4]
    assert one.look(f"{other.at}/lab") == one.look(f"{other.at}/api/contents") == 403
    own = f"open('{hub.folder}/homes/{other.name}/lessons/{LESSON}').close()"
    assert other.run(own) == ("", None)
    if "run as one user of this machine" in hub.log.read_text():
        pytest.skip("only root can give each learner's kernel a user, and only where all may read")
    secret = f"open('{hub.folder}/state/cookie_secret')"
    for code in (own, secret, f"open('{hub.folder}/shared/mine', 'w')"):
        assert one.run(code) == ("", "PermissionError")


def test_work_outlives_a_killed_server_and_a_new_start_of_the_hub(hub, learners):
    one = learners[2]
    note = {"type": "file", "format": "text", "content": "my work"}
    one.ask("PUT", "contents/GLOSSARY.md", **note)
    with pytest.raises(websocket.WebSocketException):
        one.run("import os; os.kill(os.getppid(), 9)")  # its own server
    until(lambda: one.look(f"{one.at}/lab") == 424)  # the hub has seen it
    for again in ("killed", "hub"):
        if again == "hub":
            hub.stop()
            psutil.wait_procs(hub.processes(), timeout=60)
            assert hub.processes() == []
            hub.start()
            learners[3].open()
        one.open()
        assert one.ask("GET", "contents/GLOSSARY.md")["content"] == "my work"
        one.start_kernel()
        assert one.run("print(1 + 1)") == ("2\n", None)
