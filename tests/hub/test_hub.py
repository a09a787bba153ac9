"""A class of eight on a real JupyterHub with its real proxy."""

from concurrent.futures import ThreadPoolExecutor
import importlib.util
import os
from pathlib import Path
import shutil
import sys

from mnist_helpers.data import data_root
from mnist_helpers.training import trained_cnn
import psutil
import pytest
import websocket

READS = "print(open({!r}).read())"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    proxy = Path(sys.prefix, "node_modules", "configurable-http-proxy")
    if not (importlib.util.find_spec("jupyterhub") and proxy.is_dir()):
        stop = pytest.fail if os.environ.get("BROWSER_REQUIRED") else pytest.skip
        stop("JupyterHub or its proxy is not installed: python tools/set_up.py --hub")
    from classroom import running_hub

    folder = tmp_path_factory.mktemp("hub")
    for above in (folder, *folder.parents[:2]):
        above.chmod(0o711)
    trained_cnn(progress=False)
    shutil.copytree(data_root(), folder / "shared")
    with running_hub(folder) as running:
        yield running


@pytest.fixture(scope="module")
def learners(hub):
    from classroom import Learner

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: Learner(hub, f"learner-{number}"), range(8)))
        list(pool.map(Learner.open, found))
        list(pool.map(Learner.start_kernel, found))
    return found


def test_it_listens_on_the_loopback_alone_and_lets_in_who_knows_both_passwords(hub, learners):
    from classroom import Learner

    for wrong in ({"otp": "guessed"}, {"password": "another's"}):
        assert Learner(hub, "learner-0", **wrong).answer.status_code == 403
    listening = [
        end.laddr.ip
        for process in hub.processes()
        for end in process.net_connections("inet")
        if end.status == psutil.CONN_LISTEN
    ]
    assert len(listening) > 8
    assert set(listening) == {"127.0.0.1"}


def test_eight_run_lesson_01_and_two_of_them_train_at_the_same_time(learners):
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda one: one.run_lesson(), learners)) == [[]] * 8
        for _, accuracy in pool.map(lambda one: one.train(epochs=1), learners[:2]):
            assert accuracy > 0.9


def test_each_has_a_share_and_reads_what_is_common_but_cannot_change_it(hub, learners):
    one = learners[2]
    assert one.run("print(torch.get_num_threads())") == ("1\n", None)
    assert one.run("too_much = bytearray(4 * 2**30)")[1] == "MemoryError"
    assert one.run(f"import os; print(os.environ['MNIST_DATA_DIR'])")[0] == f"{hub.folder}/shared\n"
    assert "kept" in one.run("from mnist_helpers.training import trained_cnn; trained_cnn()")[0]


def test_nobody_sees_anothers_files(hub, learners):
    one, other = learners[2:4]
    assert one.web.get(f"{other.at}/api/contents").status_code == 403
    assert one.look(other.at).status_code == 403
    if "one user of this machine" in hub.log.read_text():
        pytest.skip("no root, or no folder that all may read: the kernels have one user")
    secret = f"{hub.folder}/homes/{other.name}/lessons/01_data_loading_and_visualization.ipynb"
    assert other.run(READS.format(secret))[1] is None
    for code in (READS.format(secret), f"open('{hub.folder}/shared/x', 'w')"):
        assert one.run(code)[1] == "PermissionError"
    assert one.run(READS.format(f"{hub.folder}/state/cookie_secret"))[1] == "PermissionError"


def test_work_outlives_a_killed_server_and_a_new_start_of_the_hub(hub, learners):
    one = learners[2]
    lesson = one.ask("GET", "contents/GLOSSARY.md")
    one.ask("PUT", "contents/GLOSSARY.md", **lesson | {"content": "my work"})

    def work():
        one.open()
        return one.ask("GET", "contents/GLOSSARY.md")["content"]

    with pytest.raises(websocket.WebSocketException):  # the kernel ends its own server
        one.run("import os, signal; os.kill(os.getppid(), signal.SIGKILL)")
    assert work() == "my work"
    hub.stop()
    hub.start()
    assert work() == "my work"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda learner: learner.open(), learners))
