"""Runs every program of java/ on Apache Flink's local mini-cluster and writes what it printed to golden/*.json.

    python3 record.py [NAME…]      records these programs, or all of them, twice, and fails where the two differ
"""

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Flink serializes with reflection, also of the JDK's own lists.
OPENED = ("java.util", "java.lang")


def class_path():
    """Flink's jars, from the package `apache-flink-libraries` of the Python that runs this."""
    import pyflink

    return str(Path(list(pyflink.__path__)[0]) / "lib" / "*")


def main():
    subprocess.run([sys.executable, HERE / "inputs.py"], check=True)
    with tempfile.TemporaryDirectory() as temporary:
        classes, first, second = (Path(temporary) / name for name in ("classes", "first", "second"))
        sources = sorted((HERE / "java").glob("*.java"))
        subprocess.run(["javac", "-cp", class_path(), "-d", classes, *sources], check=True)
        for recorded in (first, second):
            recorded.mkdir()
            run(classes, recorded, sys.argv[1:])
        names = sorted(path.name for path in first.iterdir())
        _, differing, missing = filecmp.cmpfiles(first, second, names, shallow=False)
        if differing or missing:
            names = ", ".join(differing + missing)
            sys.exit(f"not the same twice: {names}; say `byWindow` or `unordered`, or mend them")
        if not sys.argv[1:]:
            shutil.rmtree(HERE / "golden", ignore_errors=True)
        (HERE / "golden").mkdir(exist_ok=True)
        for name in names:
            shutil.copy(first / name, HERE / "golden" / name)
    print(f"{len(names)} programs recorded")


def run(classes, recorded, names):
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    path = f"{classes}{os.pathsep}{class_path()}"
    # Without a configuration the log goes nowhere; a program that fails says so by its exception.
    options = ["-Xmx1g", "-Dlog4j2.level=OFF", *opened, "-cp", path]
    subprocess.run(["java", *options, "Programs", HERE / "inputs", recorded, *names], check=True)


if __name__ == "__main__":
    main()
