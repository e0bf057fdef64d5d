"""The load generator of `load/`, built at its first use."""

import json

from peers import run
from servers import HERE


class Load:
    def __init__(self, texts, count):
        run(["cargo", "build", "--release", "--quiet"], cwd=HERE / "load")
        self.program = HERE / "load" / "target" / "release" / "riverrun-load"
        self.texts, self.count = texts, count

    def command(self, mode, running, *options):
        command = [self.program, mode, "--address", running.address, "--texts", self.texts, *options]
        if running.server.body:
            command += ["--json", running.server.body]
        return [str(part) for part in command]

    def run(self, mode, running, *options):
        return json.loads(run(self.command(mode, running, *options)))
