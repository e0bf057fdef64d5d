"""Programs that end, in every way, while something of theirs is under way: they do so soon, quietly and with the status they say."""

import pytest

# Whoever comes into the interpreter at a bad moment does so in one of many runs.
RUNS = 3

BEGIN = """
import atexit, asyncio, http.client, os, sys, threading, time, urllib.request
import riverrun
from riverrun.common import Time
from riverrun.datastream.exceptions import JobCancelledError
from riverrun.datastream import AsyncDataStream, AsyncFunction, KeyedProcessFunction, StreamExecutionEnvironment

class Slow(riverrun.Runnable):
    @riverrun.Runnable.method(batchable=True)
    def predict(self, values):
        time.sleep(0.01)
        return values

def runner_of(runnable):
    runner = riverrun.Runner(runnable)
    runner.init_local()
    return runner

env = StreamExecutionEnvironment.get_execution_environment()
numbers = env.from_collection(range(10**12))
"""

UNDER_WAY = {
    "a stream": "numbers.map(lambda n: n + 1).filter(lambda n: False).print(); env.execute_async()",
    "a stream with state": """
class Counts(KeyedProcessFunction):
    def open(self, context):
        from riverrun.datastream.state import ListStateDescriptor
        self.seen = context.get_list_state(ListStateDescriptor("seen"))
    def process_element(self, value, ctx):
        self.seen.add([value])
        ctx.timer_service().register_processing_time_timer(ctx.timer_service().current_processing_time() + 1)
    def on_timer(self, timestamp, ctx):
        yield timestamp
numbers.key_by(lambda n: n % 10).process(Counts()).filter(lambda n: False).print()
env.execute_async()
""",
    "a stream of coroutines": """
class Asks(AsyncFunction):
    async def async_invoke(self, value):
        await asyncio.sleep(0.005)
        return [value]
AsyncDataStream.unordered_wait(numbers, Asks(), Time.seconds(10)).filter(lambda n: False).print()
env.execute_async()
""",
    "a stream that is iterated over": "stream = iter(numbers.map(lambda n: n).execute_and_collect()); next(stream)",
    "a stream that fails": """
def fail(n):
    if n == 3000:
        raise ValueError("of the stream")
    return n
numbers.map(fail).filter(lambda n: False).print()
env.execute_async()
""",
    "a stream with a model": """
model = riverrun.models.get("tweet-sentiment").to_runner()
model.init_local()
numbers.infer(model, lambda n: f"What a lovely day {n}").filter(lambda pair: False).print()
env.execute_async()
""",
    "calls of a model": """
model = riverrun.models.get("tweet-sentiment").to_runner()
model.init_local()
def call():
    while True:
        model.run(["What a lovely day"] * 8)
for _ in range(3):
    threading.Thread(target=call, daemon=True).start()
""",
    "calls of a model in Python": """
slow = runner_of(Slow)
def call():
    while True:
        slow.run([1])
for _ in range(3):
    threading.Thread(target=call, daemon=True).start()
""",
    "async calls": """
slow = runner_of(Slow)
async def main():
    tasks = [asyncio.create_task(slow.async_run([n])) for n in range(100)]
    await asyncio.sleep(0.01)
asyncio.run(main())
""",
    "a service": """
from riverrun.io import JSON
svc = riverrun.Service("echo")
@svc.api(input=JSON(), output=JSON())
def echo(value):
    time.sleep(0.01)
    return value
@svc.api(input=JSON(), output=JSON())
async def later(value):
    await asyncio.sleep(0.01)
    return value
running = svc.start(port=0)
url = running.url
def call(route):
    while True:
        request = urllib.request.Request(f"{url}/{route}", b"1", {"content-type": "application/json"})
        try:
            urllib.request.urlopen(request).read()
        except (OSError, http.client.HTTPException):
            return
for route in ("echo", "later"):
    threading.Thread(target=call, args=(route,), daemon=True).start()
""",
}

ENDS = {
    "the end of the program": ("", 0, ""),
    "sys.exit": ("sys.exit(3)", 3, ""),
    "an exception": ("raise ValueError('of the program')", 1, "ValueError: of the program"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("under_way", UNDER_WAY)
def test_a_program_ends_soon_and_quietly(python, under_way, end):
    last, status, said = ENDS[end]

    for run in range(RUNS):
        # Not always at the same moment.
        done = python(f"{BEGIN}\n{UNDER_WAY[under_way]}\ntime.sleep({0.02 + 0.015 * run})\n{last}\n", timeout=20)

        assert (done.returncode, done.stdout) == (status, ""), done.stderr
        assert done.stderr.rstrip().endswith(said) if said else done.stderr == "", done.stderr
        assert "panicked" not in done.stderr and done.stderr.count("Traceback") == bool(said)


@pytest.mark.parametrize(
    "call",
    [
        "slow.run([1])",
        "asyncio.run(slow.async_run([1]))",
        "env.from_collection([1]).map(lambda n: n).execute_and_collect(limit=1)",
        "client.get_job_execution_result().result()",
    ],
)
def test_what_needs_other_threads_once_the_end_has_begun_is_refused(python, call):
    # What is registered before the import is called after all that the package has to do at the end.
    done = python(
        f"""
import atexit
@atexit.register
def last():
    try:
        {call}
    except riverrun.exceptions.StateError as error:
        print("refused:", "the interpreter is being shut down" in str(error))
    except JobCancelledError:
        # The end has cancelled the job already.
        print("refused:", "client" in {call!r})
{BEGIN}
slow = runner_of(Slow)
numbers.filter(lambda n: False).print()
client = env.execute_async()
""",
        timeout=20,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "refused: True\n", "")


def test_a_model_of_the_store_computes_until_the_very_end(python):
    done = python(
        """
import atexit
atexit.register(lambda: print(runner.run("What a lovely day")[0]["label"], runner.run(["What a lovely day"] * 3)[2]["label"]))
import riverrun
runner = riverrun.models.get("tweet-sentiment").to_runner()
runner.init_local()
""",
        timeout=20,
    )

    assert (done.stdout, done.stderr) == ("positive positive\n", "")
