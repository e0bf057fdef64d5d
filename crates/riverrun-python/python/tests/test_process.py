"""What concerns the process as a whole: imports, Ctrl-C, forks, the end."""

import signal
import subprocess
import sys
import time

import pytest

LOADED = """
import riverrun
runner = riverrun.models.get("tweet-sentiment").to_runner()
runner.init_local()
"""


def test_the_import_is_quick_and_imports_nothing_heavy(python):
    program = """
import sys, time
began = time.perf_counter()
import riverrun
print(time.perf_counter() - began)
print(sorted({"asyncio", "numpy", "pandas", "polars", "pyarrow", "torch", "transformers", "IPython"} & set(sys.modules)))
"""
    python(program)
    runs = [python(program).stdout.split("\n") for _ in range(3)]

    assert all(run[1] == "[]" for run in runs)
    assert min(float(run[0]) for run in runs) < 0.1


def interrupted(program, after):
    """Runs a program, presses Ctrl-C once it has printed `ready`, and gives how long it took to end and what it said."""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(after)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    try:
        _, said = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail("Ctrl-C had no effect")
    return time.monotonic() - began, said


def test_ctrl_c_ends_a_long_batch():
    took, said = interrupted(LOADED + 'print("ready", flush=True)\nrunner.run(["What a lovely day " * 40] * 200_000)', 1.0)

    assert said.rstrip().endswith("KeyboardInterrupt") and took < 5


def test_ctrl_c_ends_a_model_that_never_returns():
    program = """
import riverrun, threading
class Never(riverrun.Runnable):
    @riverrun.Runnable.method
    def predict(self):
        print("ready", flush=True)
        threading.Event().wait()
runner = riverrun.Runner(Never)
runner.init_local()
runner.run()
"""
    took, said = interrupted(program, 0.3)

    assert said.rstrip().endswith("KeyboardInterrupt") and took < 5


def test_ctrl_c_ends_a_busy_loop_in_a_model():
    program = """
import riverrun
class Busy(riverrun.Runnable):
    @riverrun.Runnable.method(batchable=True)
    def predict(self, values):
        print("ready", flush=True)
        while True:
            pass
runner = riverrun.Runner(Busy)
runner.init_local()
runner.run([1])
"""
    took, said = interrupted(program, 0.3)

    assert said.rstrip().endswith("KeyboardInterrupt") and took < 5


def test_ctrl_c_ends_an_asyncio_program():
    program = LOADED + """
import asyncio
async def main():
    print("ready", flush=True)
    await runner.async_run(["What a lovely day " * 40] * 200_000)
asyncio.run(main())
"""
    took, said = interrupted(program, 1.0)

    assert said.rstrip().endswith("KeyboardInterrupt") and took < 5


# Says what came of Ctrl-C in a call.
CAUGHT = """
import os, pathlib, shutil, sys, tempfile, threading, time

def caught(began):
    print("ready", flush=True)
    try:
        began()
    except KeyboardInterrupt:
        print("caught", file=sys.stderr)
    else:
        print("not interrupted", file=sys.stderr)
"""


def test_ctrl_c_ends_the_loading_of_a_model_which_can_be_loaded_afterwards(model_directory):
    program = CAUGHT + f"""
import riverrun
from riverrun import _native
directory = pathlib.Path(tempfile.mkdtemp()) / "model"
shutil.copytree({str(model_directory)!r}, directory)
# Who reads a pipe waits until somebody writes to it.
slow = directory / "config.json"
config = slow.read_bytes()
slow.unlink()
os.mkfifo(slow)
load = lambda: _native.TextClassificationRunner.of_directory(directory, {{}}, {{}})
loading = load()
caught(loading.init_local)
os.rename(slow, directory / "pipe")
slow.write_bytes(config)
(directory / "pipe").write_bytes(config)
again = load()
again.init_local()
print(again.run("What a lovely day", None, None)[0]["label"], file=sys.stderr)
"""
    took, said = interrupted(program, 0.5)

    assert said == "caught\npositive\n" and took < 10


def test_a_runner_whose_loading_was_interrupted_is_loaded_by_the_next_call():
    program = CAUGHT + """
import riverrun, _thread
from riverrun.stored_runner import StoredRunner
runner = riverrun.models.get("tweet-sentiment").to_runner()
# Loading is over in milliseconds: Ctrl-C comes with the call that begins it.
class Native:
    def __init__(self, native):
        self.native = native
    def init_local(self):
        self.native.init_local()
        time.sleep(20)
runner._made = Native(runner._native)
caught(runner.init_local)
print(runner.is_initialised, file=sys.stderr)
runner.init_local()
print(runner.run("What a lovely day")[0]["label"], file=sys.stderr)
"""
    took, said = interrupted(program, 0.5)

    assert said == "caught\nFalse\npositive\n" and took < 10


def test_ctrl_c_ends_warm_up_while_others_have_all_permits_to_compute():
    program = CAUGHT + LOADED + """
free = threading.Event()
class Busy(riverrun.Runnable):
    @riverrun.Runnable.method
    def predict(self):
        free.wait()
busy = [riverrun.Runner(Busy, name=f"busy {n}") for n in range(os.cpu_count())]
threads = [threading.Thread(target=each.run) for each in busy]
for each, thread in zip(busy, threads):
    each.init_local()
    thread.start()
time.sleep(1)
caught(runner.warm_up)
free.set()
print(runner.run("What a lovely day")[0]["label"], file=sys.stderr)
"""
    took, said = interrupted(program, 0.5)

    assert said == "caught\npositive\n" and took < 10


@pytest.mark.parametrize(
    "call",
    [
        # Another process is at the store.
        'store.import_model(model, "other:1.0")',
        'store.promote("tweet-sentiment:1.0")',
        'store.delete("tweet-sentiment:0.9")',
        # A service that takes connections and never answers.
        'runner.init_client("http://127.0.0.1:%d" % silent.getsockname()[1], connect_timeout=60, timeout=60)',
        'numbers.filter(lambda n: False).print(), env.execute()',
        'numbers.filter(lambda n: False).print(), env.execute_async().get_job_execution_result().result()',
        'list(numbers.filter(lambda n: False).execute_and_collect())',
    ],
)
def test_ctrl_c_ends_whatever_else_takes_long(call, model_directory, tmp_path):
    program = CAUGHT + f"""
import fcntl, riverrun, socket
from riverrun import models as store
from riverrun.datastream import StreamExecutionEnvironment
os.environ["RIVERRUN_HOME"] = {str(tmp_path)!r}
model = {str(model_directory)!r}
store.import_model(model, "tweet-sentiment:0.9")
runner = store.import_model(model, "tweet-sentiment:1.0").to_runner()
silent = socket.create_server(("127.0.0.1", 0))
env = StreamExecutionEnvironment.get_execution_environment()
numbers = env.from_collection(range(10**12)).map(lambda n: n)
(lock,) = pathlib.Path({str(tmp_path)!r}).rglob("*lock")
with open(lock, "r+") as held:
    fcntl.flock(held, fcntl.LOCK_EX)
    caught(lambda: ({call}))
runner.init_local()
print(runner.run("What a lovely day")[0]["label"], file=sys.stderr)
os._exit(0)
"""
    took, said = interrupted(program, 0.5)

    assert said == "caught\npositive\n" and took < 10


def test_a_program_may_change_the_store_and_fork(python, model_directory, tmp_path):
    done = python(
        f"""
import os, riverrun
os.environ["RIVERRUN_HOME"] = {str(tmp_path)!r}
runner = riverrun.models.import_model({str(model_directory)!r}, "tweet-sentiment:1.0").to_runner()
if os.fork() == 0:
    runner.init_local()
    print("child:", runner.run("What a lovely day")[0]["label"], flush=True)
    os._exit(0)
os.wait()
"""
    )

    assert done.stdout == "child: positive\n", done


def test_a_forked_child_is_told_and_does_not_hang(python):
    done = python(
        LOADED
        + """
import os, sys
runner.run(["text"] * 100)
if os.fork() == 0:
    try:
        runner.run("text")
    except RuntimeError as error:
        print("child:", error)
    try:
        other = riverrun.models.get("tweet-sentiment").to_runner()
        other.init_local()
    except riverrun.exceptions.StateError as error:
        print("child:", error)
    sys.stdout.flush()
    os._exit(0)
os.wait()
print("parent:", runner.run("What a lovely day")[0]["label"])
"""
    )

    assert done.stdout.count("was forked from process") == 2, done
    assert done.stdout.endswith("parent: positive\n")


def test_a_child_that_was_forked_before_computes(python):
    done = python(
        """
import os, sys, riverrun
runner = riverrun.models.get("tweet-sentiment").to_runner()
if os.fork() == 0:
    runner.init_local()
    print("child:", runner.run("What a lovely day")[0]["label"], flush=True)
    os._exit(0)
os.wait()
runner.init_local()
print("parent:", runner.run("What a lovely day")[0]["label"])
"""
    )

    assert done.stdout == "child: positive\nparent: positive\n", done


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_of_multiprocessing_get_runners_by_tag(tmp_path, method):
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import multiprocessing, riverrun
def label(runner):
    return runner.run("What a lovely day")[0]["label"]
if __name__ == "__main__":
    runner = riverrun.models.get("tweet-sentiment").to_runner()
    runner.init_local()
    with multiprocessing.get_context({method!r}).Pool(1) as pool:
        print(pool.map(label, [runner, runner]))
"""
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=60)

    assert done.stdout == "['positive', 'positive']\n", done.stderr


def test_a_process_ends_quietly_while_work_is_under_way(python):
    done = python(
        LOADED
        + """
import asyncio, threading
class Slow(riverrun.Runnable):
    @riverrun.Runnable.method(batchable=True)
    def predict(self, values):
        threading.Event().wait(0.2)
        return values
slow = riverrun.Runner(Slow)
slow.init_local()
async def main():
    tasks = [asyncio.create_task(slow.async_run([1])) for _ in range(4)]
    tasks += [asyncio.create_task(runner.async_run(["What a lovely day"] * 500)) for _ in range(4)]
    await asyncio.sleep(0.05)
asyncio.run(main())
print("over")
"""
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "over\n", "")


@pytest.mark.parametrize(
    "program",
    [
        """
import asyncio
async def main():
    tasks = [asyncio.create_task(runner.async_run("What a lovely day " * (n % 20))) for n in range(200)]
    await asyncio.sleep(0.01)
asyncio.run(main())
""",
        """
import threading, time
def call():
    while True:
        runner.run("What a lovely day")
for _ in range(4):
    threading.Thread(target=call, daemon=True).start()
time.sleep(0.05)
""",
        """
import time
from riverrun.datastream import StreamExecutionEnvironment
env = StreamExecutionEnvironment.get_execution_environment()
env.from_collection(range(10**7)).infer(runner, lambda n: f"What a lovely day {n}").map(lambda pair: pair[0]).filter(lambda n: False).print()
env.execute_async()
time.sleep(0.05)
raise SystemExit(0)
""",
    ],
    ids=["async calls", "threads", "a stream"],
)
def test_a_program_may_end_while_something_is_under_way(program, python):
    # Whoever comes into the interpreter at a bad moment does so in one of many runs.
    for _ in range(12):
        ended = python(LOADED + program)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
