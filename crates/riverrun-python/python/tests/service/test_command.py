"""`riverrun serve module:service`."""

import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

COMMAND = os.environ.get("RIVERRUN_COMMAND")

PROGRAM = '''
import time, riverrun
from riverrun.io import Text

svc = riverrun.Service("words")

@svc.api(input=Text(), output=Text(), route="/upper")
def upper(text):
    if text == "slow":
        time.sleep(1)
    return text.upper()

@svc.on_shutdown
def end(ctx):
    print("closed", flush=True)
'''


@pytest.fixture
def app(tmp_path):
    (tmp_path / "service.py").write_text(PROGRAM)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "several.py").write_text(PROGRAM + 'other = riverrun.Service("other")\nnumber = 7\n')
    (tmp_path / "broken.py").write_text("import no_such_package\n")
    (tmp_path / "bare.py").write_text("")
    return tmp_path


def command(app, *arguments):
    # The command calls the `python3` that it finds, which here is this one.
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        [*([COMMAND] if COMMAND else [sys.executable, "-m", "riverrun"]), "serve", *arguments],
        cwd=app,
        env={**os.environ, "PATH": path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def url_of(process):
    for line in process.stderr:
        if line.startswith("serving at "):
            return line.split()[2].removesuffix("/upper,")
    raise AssertionError(f"it ended with {process.wait()}")


def post(url, body):
    with urllib.request.urlopen(url, data=body, timeout=60) as answer:
        return answer.read()


@pytest.mark.parametrize("target", ["service:svc", "service.py", "app/several.py:svc", "app.several:svc"])
def test_a_service_is_found_served_and_ended(app, target):
    process = command(app, target, "--port", "0")
    try:
        url = url_of(process)
        assert post(f"{url}/upper", "grün".encode()) == "GRÜN".encode()
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 0 and output == "closed\n"
    assert "1 request" in errors


def test_what_was_accepted_is_answered_at_the_end(app):
    process = command(app, "service:svc", "--port", "0", "--threads", "4")
    answers = []

    def call():
        while True:
            try:
                answers.append(post(f"{url}/upper", b"slow"))
            except urllib.error.HTTPError as error:
                answers.append(error.code)
            except OSError as error:
                # A connection that was refused asked nothing of it.
                refused = getattr(error, "reason", error)
                if not isinstance(refused, ConnectionRefusedError):
                    answers.append(repr(error))
                return

    try:
        url = url_of(process)
        callers = [threading.Thread(target=call) for _ in range(8)]
        for caller in callers:
            caller.start()
        while len(answers) < 8:
            callers[0].join(0.05)
        process.send_signal(signal.SIGINT)
        for caller in callers:
            caller.join(60)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()

    # Whoever comes while it drains is told so.
    assert set(answers) <= {b"SLOW", 503} and answers.count(b"SLOW") >= 8
    assert process.returncode == 0 and "drained" in errors


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["gone.py:svc"], 1, "no file gone.py"),
        (["app/gone.py"], 1, "no file app/gone.py"),
        (["service:none"], 1, "no `none`; its services are: svc"),
        (["app/several.py"], 1, "several services: svc, other"),
        (["app/several.py:number"], 1, "is a int, not a riverrun.Service"),
        (["bare.py"], 1, "has no service"),
        (["broken.py"], 1, "No module named 'no_such_package'"),
        (["service:svc", "--port", "70000"], 2, "from 0 to 65535"),
        (["service:svc", "--timeout", "0"], 2, "give seconds"),
        (["service:svc", "--max-body", "10MB"], 2, "such as 10MiB"),
        (["service:svc", "--threads", "-1"], 2, "from 1 on"),
        (["service:svc", "--token-file", "gone.txt"], 1, "cannot read the tokens in gone.txt"),
        (["service:svc", "--token-file", "bare.py"], 1, "has no token"),
        (["service:svc", "--frobnicate"], 2, "--frobnicate"),
        (["service:svc", "--host", "nowhere"], 1, "an IP address"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_wrong_is_said(app, arguments, code, said):
    process = command(app, *arguments)
    output, errors = process.communicate(timeout=60)

    assert (process.returncode, output) == (code, "")
    assert said in errors


@pytest.mark.skipif(COMMAND is None, reason="the command is not built")
def test_a_python_without_the_package_is_said(app):
    bare = subprocess.run(
        [COMMAND, "serve", "service:svc"], cwd=app, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}
    )

    assert bare.returncode == 1 and "pip install riverrun" in bare.stderr
    none = subprocess.run([COMMAND, "serve", "service:svc"], cwd=app, capture_output=True, text=True, env={"PATH": "/"})
    assert none.returncode == 1 and "cannot start python3" in none.stderr
