"""The servers that are compared: how each is set up, started, asked and stopped."""

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from peers import environment, python_311, run, say

HERE = Path(__file__).resolve().parent
ENVS = HERE / "envs"
# How long a server may take until it answers. PyTorch on a busy machine is slow to come.
STARTING = 120
# The body that BentoML 1.4 wants for a method whose parameter is a batch named `texts`.
BENTOML14_BODY = '{"texts":[%]}'


@dataclass
class Server:
    """One way to serve the model. `command` is a function of the port."""

    name: str
    setting: str
    command: object
    environment: dict = field(default_factory=dict)
    # The JSON around a text, with % for it; without it, text/plain.
    body: str = ""

    @property
    def title(self):
        return f"{self.name} ({self.setting})" if self.setting else self.name

    def start(self, work):
        return Running(self, work)


class Running:
    """A server's processes; ends them, when the block that it is used in ends."""

    def __init__(self, server, work):
        self.server, self.port = server, free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log = work / f"{server.name}.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [str(part) for part in server.command(self.port)],
                cwd=HERE, env=environment(**server.environment), stdout=log, stderr=log, start_new_session=True,
            )

    def __enter__(self):
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def wait(self):
        """Until it answers a question."""
        until = time.monotonic() + STARTING
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.server.title} ended at once:\n{self.said()}")
            if self.answers():
                return
            time.sleep(0.2)
        raise RuntimeError(f"{self.server.title} did not answer within {STARTING} s:\n{self.said()}")

    def answers(self):
        text, kind = b"What a lovely day", "text/plain; charset=utf-8"
        if self.server.body:
            text, kind = self.server.body.replace("%", '"What a lovely day"').encode(), "application/json"
        head = f"POST /classify HTTP/1.1\r\nHost: {self.address}\r\nContent-Type: {kind}\r\n"
        head += f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                connection.sendall(head.encode() + text)
                return b" 200 " in connection.recv(64)
        except OSError:
            return False

    def said(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def memory(self):
        """The KiB of all of its processes: resident, and proportional (what they share counted once)."""
        resident = proportional = 0
        for process in tree(self.process.pid):
            try:
                lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            fields = {line.split()[0]: int(line.split()[1]) for line in lines if line.split()[-1] == "kB"}
            resident += fields.get("Rss:", 0)
            proportional += fields.get("Pss:", 0)
        return resident, proportional

    def stop(self):
        """As a supervisor would: SIGTERM, and SIGKILL for what is still there after a while. Its own processes only."""
        started = {process: since(process) for process in tree(self.process.pid)}
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                say(f"{self.server.title} did not end within 20 s of SIGTERM")
        for process, time_of_it in started.items():
            if time_of_it is not None and since(process) == time_of_it:
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def status(process):
    """The fields of a process after its command, which may have spaces in it; none if it has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def since(process):
    """When a process began, which tells it from a later one with its number. None if it has ended."""
    fields = status(process)
    return fields[19] if fields and fields[0] != "Z" else None


def tree(root):
    """A process and all below it."""
    children = {}
    for directory in Path("/proc").glob("[0-9]*"):
        process = int(directory.name)
        if fields := status(process):
            children.setdefault(int(fields[1]), []).append(process)
    found = [root]
    for process in found:
        found.extend(children.get(process, []))
    return found


def install(name):
    """The directory of an environment's programs."""
    requirements = HERE / f"requirements-{name}.txt"
    place, wanted = ENVS / name, requirements.read_text()
    marker = place / "installed.txt"
    if not marker.exists() or marker.read_text() != wanted:
        say(f"installing {requirements.name}; this takes minutes, once")
        shutil.rmtree(place, ignore_errors=True)
        run([python_311(), "-m", "venv", place])
        run([place / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", requirements])
        marker.write_text(wanted)
    return place / "bin"


def riverrun(executable, model, work):
    home = work / f"store-{model.name}"
    variables = {"RIVERRUN_HOME": home}
    if not home.exists():
        importing = [executable, "models", "import", model, "--name", "measured", "--version", "1"]
        run(importing, env=environment(**variables))

    def command(port):
        return [executable, "serve", "measured:1", "--route", "/classify", "--port", port]

    return [Server("riverrun", "", command, variables)]


def riverrun_python(executable, package, model, work):
    """The service of BentoML 1.1 with other imports, and nothing else."""
    home = work / f"python-store-{model.name}"
    variables = {"RIVERRUN_HOME": home, "PYTHONPATH": package, "SERVED_MODEL": "text-classification:latest"}
    if not home.exists():
        run([executable, "models", "import", model, "--name", "text-classification"], env=environment(RIVERRUN_HOME=home))
    program = (HERE / "bentoml11_service.py").read_text()
    program = program.replace("import bentoml", "import riverrun as bentoml").replace("from bentoml.io", "from riverrun.io")
    place = work / "riverrun_service.py"
    place.write_text(program)

    def command(port):
        return [python_311(), "-m", "riverrun", "serve", f"{place}:svc", "--port", port]

    return [Server("riverrun-python", "", command, variables)]


def bentoml11(model, work):
    programs = install("bentoml11")
    home = work / f"bentoml-{model.name}"
    variables = {"BENTOML_HOME": home, "BENTOML_DO_NOT_TRACK": "True", "PYTHONWARNINGS": "ignore"}
    if not (home / "models" / "text-classification-batchable" / "latest").exists():
        home.mkdir(parents=True, exist_ok=True)
        run([programs / "python", HERE / "bentoml11_save.py", model], env=environment(**variables))

    def command(port):
        return [programs / "bentoml", "serve", "bentoml11_service:svc", "--host", "127.0.0.1", "--port", port]

    servers = [Server("bentoml11", "as it comes", command, {**variables, "SERVED_MODEL": "text-classification:latest"})]
    settings = {"SERVED_MODEL": "text-classification-batchable:latest", "SERVED_BATCHED": 1}
    servers.append(Server("bentoml11-batching", "batching on", command, {**variables, **settings}))
    return servers


# Workers, threads of each, the largest batch.
BENTOML14 = ((1, 2, 16), (1, 2, 4), (1, 2, 100), (2, 1, 16))


def bentoml14(model, graph, work, every):
    programs = install("onnx")
    variables = {"BENTOML_HOME": work / "bentoml14", "BENTOML_DO_NOT_TRACK": "True"}
    variables |= {"SERVED_MODEL": model, "SERVED_GRAPH": graph}

    def command(port):
        return [programs / "bentoml", "serve", "bentoml14_service:Classifier", "--host", "127.0.0.1", "--port", port]

    servers = []
    for workers, threads, batch in BENTOML14 if every else BENTOML14[:1]:
        settings = {"SERVED_WORKERS": workers, "SERVED_THREADS": threads, "SERVED_BATCH": batch}
        how = f"{workers} worker x {threads} threads, batch {batch}"
        servers.append(Server("bentoml14", how, command, {**variables, **settings}, BENTOML14_BODY))
    return servers


# Sessions, threads of each, the largest batch, how much of a batch may be padding.
LEAN = ((1, 2, 8, 0.1), (2, 1, 1, 0), (1, 2, 1, 0), (1, 2, 16, 0.2), (2, 1, 8, 0.1), (2, 1, 4, 0.05))


def lean(model, graph, every):
    python = install("onnx") / "python"

    def server(sessions, threads, batch, padding):
        def command(port):
            return [python, HERE / "lean_server.py", port, model, graph, sessions, threads, batch, padding]

        how = f"{sessions} session x {threads} threads, batch {batch}, padding {padding:.0%}"
        return Server("lean", how, command)

    return [server(*setting) for setting in (LEAN if every else LEAN[:2])]


def fixed_wait(executable, wait, batch, queue):
    def command(port):
        return [executable, port, wait, batch, queue]

    return Server("fixed-wait", f"{wait} ms a batch of at most {batch}, queue {queue}", command)
