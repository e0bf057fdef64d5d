"""How this benchmark runs other programs: without settings that favour a side, on two cores, with an environment for each peer."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVS = HERE / "envs"
CORES = 2
# Settings of the calling shell that would favour or hamper a side.
UNSET = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "RIVERRUN_NUM_THREADS",
    "PYTHONPATH", "PYTHONHOME",
)


def say(text):
    print(text, file=sys.stderr, flush=True)


def environment(**extra):
    variables = {name: value for name, value in os.environ.items() if name not in UNSET}
    variables.update({name: str(value) for name, value in extra.items()})
    return variables


def run(command, **options):
    """A command's standard output. Its failure is an error with the last of what it said."""
    options.setdefault("env", environment())
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise RuntimeError(f"{' '.join(str(part) for part in command)} failed:\n{said}")
    return done.stdout


def python_311():
    if sys.version_info[:2] == (3, 11):
        return sys.executable
    for name in ("python3.11", "python3"):
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 11))"]).returncode == 0:
            return path
    raise RuntimeError("the peers need Python 3.11 (PyFlink and its PyTorch have no later wheels in common)")


def install(peer):
    """The Python of the peer's own environment."""
    requirements = HERE / f"requirements-{peer}.txt"
    place, wanted = ENVS / peer, requirements.read_text()
    python, marker = place / "bin" / "python", place / "installed.txt"
    if not marker.exists() or marker.read_text() != wanted:
        say(f"installing {requirements.name} into {place.relative_to(ROOT)}; this takes minutes, once")
        shutil.rmtree(place, ignore_errors=True)
        run([python_311(), "-m", "venv", place])
        run([python, "-m", "pip", "install", "--quiet", "-r", requirements])
        marker.write_text(wanted)
    return python


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def target_directory():
    return Path(json.loads(run(["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT))["target_directory"])


def build_measure():
    say("building the example `measure`")
    run(["cargo", "build", "--release", "--package", "riverrun", "--example", "measure"], cwd=ROOT)
    return target_directory() / "release" / "examples" / "measure"


def package(work):
    """The Python package with its extension as it is published, in a directory for Python's path."""
    say("building the extension")
    run(["cargo", "build", "--release", "--package", "riverrun-python", "--locked"], cwd=ROOT)
    place = work / "python-package"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(ROOT / "crates" / "riverrun-python" / "python" / "riverrun", place / "riverrun", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copy(target_directory() / "release" / "lib_native.so", place / "riverrun" / "_native.abi3.so")
    return place


def pin_to_cores():
    """Keeps this process, and so all that it starts, to two physical cores where there are more."""
    if not hasattr(os, "sched_setaffinity"):
        return
    chosen, seen = [], set()
    for cpu in sorted(os.sched_getaffinity(0)):
        topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology")
        try:
            core = tuple((topology / name).read_text() for name in ("physical_package_id", "core_id"))
        except OSError:
            core = cpu
        if core not in seen:
            seen.add(core)
            chosen.append(cpu)
    if len(chosen) >= CORES:
        os.sched_setaffinity(0, chosen[:CORES])


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), None)
