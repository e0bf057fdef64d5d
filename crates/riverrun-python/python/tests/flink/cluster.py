"""A standalone cluster on this machine: one JobManager and two TaskManagers, each with a slot, as processes that the test owns."""

import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pyflink
from ruamel.yaml import YAML

FLINK = pathlib.Path(pyflink.__file__).parent
# What Flink reads of the environment; neither this package nor its store is among it, so that a job has what it brings along.
NEEDED = ("HOME", "JAVA_HOME", "LANG", "TMPDIR", "USER")
DIES_WITH_PARENT = 1


def free_ports(count):
    """Ports of the loopback interface that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _dies_with_parent():
    ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)


class Cluster:
    """Started by `with`, and killed with all its processes at its end, whatever happened."""

    def __init__(self, place: pathlib.Path, task_managers: int = 2):
        self._place, self._count = place, task_managers
        self._processes = []
        self.rest_port, rpc_port = free_ports(2)
        own = YAML(typ="safe").load(FLINK / "conf" / "config.yaml")
        settings = {
            "env.java.opts.all": own["env"]["java"]["opts"]["all"],
            "jobmanager.rpc.address": "127.0.0.1",
            "jobmanager.rpc.port": rpc_port,
            "jobmanager.bind-host": "127.0.0.1",
            "jobmanager.memory.process.size": "900m",
            "rest.address": "127.0.0.1",
            "rest.bind-address": "127.0.0.1",
            "rest.port": self.rest_port,
            "taskmanager.host": "127.0.0.1",
            "taskmanager.bind-host": "127.0.0.1",
            "taskmanager.numberOfTaskSlots": 1,
            "taskmanager.memory.process.size": "1100m",
            "io.tmp.dirs": str(place / "tmp"),
            "python.executable": sys.executable,
            "python.client.executable": sys.executable,
        }
        for directory in ("conf", "lib", "tmp", "log", "pid"):
            (place / directory).mkdir()
        # A JVM loads an interpreter once. Each job would load it again if this jar came with the job and not with the cluster.
        for jar in [*(FLINK / "lib").glob("*.jar"), *(FLINK / "opt").glob("flink-python-*.jar")]:
            (place / "lib" / jar.name).symlink_to(jar)
        for file in (FLINK / "conf").glob("log*"):
            (place / "conf" / file.name).write_bytes(file.read_bytes())
        # JSON is YAML.
        (place / "conf" / "config.yaml").write_text(json.dumps(settings))
        self.environment = {name: os.environ[name] for name in NEEDED if name in os.environ} | {
            # As if the environment were activated: the interpreter inside a JVM finds its packages by the `python` of the path.
            "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
            "FLINK_CONF_DIR": str(place / "conf"),
            "FLINK_LIB_DIR": str(place / "lib"),
            "FLINK_LOG_DIR": str(place / "log"),
            "FLINK_PID_DIR": str(place / "pid"),
        }

    def __enter__(self):
        try:
            self._start("jobmanager")
            for _ in range(self._count):
                self._start("taskmanager")
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # Workers in Python are in the group of their TaskManager.
        for process in self._processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _start(self, service):
        command = [FLINK / "bin" / f"{service}.sh", "start-foreground"]
        with open(self._place / "log" / f"{service}-{len(self._processes)}.console", "wb") as console:
            self._processes.append(
                subprocess.Popen(
                    command,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=console,
                    stderr=console,
                    start_new_session=True,
                    preexec_fn=_dies_with_parent,
                )
            )

    def _wait(self):
        deadline = time.monotonic() + 120
        while self._registered() < self._count:
            if time.monotonic() > deadline or any(process.poll() is not None for process in self._processes):
                raise RuntimeError(f"the cluster did not come up:\n{self.log()}")
            time.sleep(0.2)

    def _registered(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest_port}/overview", timeout=5) as response:
                return json.load(response)["taskmanagers"]
        except OSError:
            return 0

    def log(self):
        """The end of what its processes wrote."""
        return "\n".join(f"{file}:\n{file.read_text()[-3000:]}" for file in sorted((self._place / "log").iterdir()))

    def run(self, options, program, *arguments, **environment):
        """Submits a program with `flink run`, and gives its standard output."""
        command = [FLINK / "bin" / "flink", "run", *options, "--python", program, *map(str, arguments)]
        ended = subprocess.run(
            command, env=self.environment | environment, capture_output=True, text=True, timeout=180, cwd=pathlib.Path(program).parent
        )
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:] + self.log()
        return ended.stdout
