"""The command line that serves a service."""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import signal
import sys
import threading
from typing import Any, NoReturn, Sequence

from riverrun.exceptions import BadInput, RiverrunError
from riverrun.service.loading import load
from riverrun.service.running import RunningService

__all__ = ["main"]

_UNITS = {"": 1, "B": 1, "K": 1 << 10, "KiB": 1 << 10, "M": 1 << 20, "MiB": 1 << 20, "G": 1 << 30, "GiB": 1 << 30}


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves until SIGTERM or Ctrl-C. Ends the process with 1 where it cannot."""
    given = vars(_parser().parse_args(arguments))
    ended = _Ended()
    try:
        running = _start(given.pop("service"), given)
    except RiverrunError as error:
        sys.exit(f"riverrun: {error}")
    for address in running.addresses:
        routes = ", ".join(api.route for api in running.service.apis.values())
        page = f", a page to try it at {address}/" if address.startswith("http") else ""
        _say(f"serving at {address}{routes}{page}" if page else f"serving at {address}:{routes}")
    ended.wait()
    _say(running.stop())


def _start(target: str, given: dict[str, Any]) -> RunningService:
    del given["command"]
    cores = given.pop("parallelism")
    if cores is not None:
        os.environ["RIVERRUN_NUM_THREADS"] = str(cores)
    tokens = given.pop("token_file")
    given["tokens"] = None if tokens is None else _tokens(tokens)
    threads = given.pop("threads")
    return load(target).start(**given, **({} if threads is None else {"threads": threads}))


class _Ended:
    """SIGTERM and Ctrl-C, from now on: the first asks to end, the second ends the process at once."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._serving = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)

    def _signalled(self, *_: object) -> None:
        if not self._serving or self._asked.is_set():
            os._exit(130)
        self._asked.set()

    def wait(self) -> None:
        self._serving = True
        # A wait without end hears no signal on every platform.
        while not self._asked.wait(3600):
            pass
        _say("finishing what was accepted; once more ends it at once")


def _tokens(path: str) -> list[str]:
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read the tokens in {path}: {error}; give a file with one token a line") from error
    tokens = [line.strip() for line in text.splitlines() if line.strip()]
    if not tokens:
        raise BadInput(f"{path} has no token; write one a line")
    return tokens


def _say(line: str | None) -> None:
    if line:
        print(line, file=sys.stderr, flush=True)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"riverrun: {message}; see `riverrun serve --help`", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="riverrun", description="Serves functions of Python.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve")
    serve = commands.add_parser(
        "serve",
        help="serve a riverrun.Service over HTTP",
        description="Serves a riverrun.Service of a Python module over HTTP, until SIGTERM or Ctrl-C.",
        allow_abbrev=False,
    )
    serve.add_argument("service", metavar="MODULE:SERVICE", help="such as `service:svc` or `app/service.py:svc`")
    serve.add_argument("-p", "--port", type=_port, help="the TCP port; 0 takes a free one [default: 3000]")
    serve.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="the address to listen on; 0.0.0.0 for all [default: 127.0.0.1]"
    )
    serve.add_argument("--unix-socket", metavar="PATH", help="listen on a Unix socket, and on TCP only with --port")
    serve.add_argument("--threads", type=_number, metavar="N", help="how many calls of functions run at a time [default: 40]")
    serve.add_argument(
        "--max-concurrency", type=_number, metavar="N", help="the most requests under way; beyond it 429 [default: 1024]"
    )
    serve.add_argument("--parallelism", type=_number, metavar="N", help="runners compute on at most N cores [default: all]")
    serve.add_argument("--tls-cert", metavar="FILE", help="serve TLS with this certificate chain (PEM)")
    serve.add_argument("--tls-key", metavar="FILE", help="the certificate's private key (PEM)")
    serve.add_argument("--token-file", metavar="FILE", help="let in only who has a bearer token of this file")
    serve.add_argument(
        "--cors", action="append", metavar="ORIGIN", help="let pages of this origin call the service; `*` for all"
    )
    serve.add_argument("--access-log", action="store_true", help="write a JSON line for each request to standard error")
    serve.add_argument("--timeout", type=_seconds, metavar="S", help="seconds that a request may take; then 504")
    serve.add_argument("--max-body", type=_size, metavar="SIZE", help="the largest body, such as 10MiB; beyond it 413")
    serve.add_argument("--max-connections", type=_number, metavar="N", help="the most connections at a time")
    serve.add_argument("--keep-alive", type=_seconds, metavar="S", help="seconds that a connection may be idle")
    serve.add_argument(
        "--drain-timeout", type=_seconds, metavar="S", help="seconds that requests have after SIGTERM [default: 30]"
    )
    return parser


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError("give a port from 0 to 65535")
    return int(text)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError("give a number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d*\.?\d+s?", text, re.ASCII) or float(text.removesuffix("s")) == 0:
        raise argparse.ArgumentTypeError("give seconds, such as 30 or 0.5")
    return float(text.removesuffix("s"))


def _size(text: str) -> int:
    matched = re.fullmatch(r"(\d+)([A-Za-z]*)", text, re.ASCII)
    if matched is None or matched[2] not in _UNITS or int(matched[1]) == 0:
        raise argparse.ArgumentTypeError("give a size such as 10MiB")
    return int(matched[1]) * _UNITS[matched[2]]
