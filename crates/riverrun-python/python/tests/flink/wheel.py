"""The package as a wheel, of the sources and the extension that are there: what `cargo xtask wheel` makes with a release build."""

import base64
import hashlib
import pathlib
import subprocess
import sysconfig
import zipfile

import riverrun

PACKAGE = pathlib.Path(riverrun.__file__).parent


def build(directory: pathlib.Path) -> pathlib.Path:
    """Writes the wheel into a directory."""
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    version = riverrun.__version__
    tag = f"cp311-abi3-{platform}"
    native = directory / "_native.abi3.so"
    # Debug information is most of it.
    subprocess.run(["strip", "--strip-debug", "-o", native, PACKAGE / native.name], check=True)
    files = {f"riverrun/{path.relative_to(PACKAGE)}": path.read_bytes() for path in PACKAGE.rglob("*.py*") if path.suffix != ".pyc"}
    files[f"riverrun/{native.name}"] = native.read_bytes()
    native.unlink()
    about = f"riverrun-{version}.dist-info"
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: riverrun\nVersion: {version}\n".encode()
    files[f"{about}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
    wheel = directory / f"riverrun-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        record = "".join(f"{name},sha256={_hash(content)},{len(content)}\n" for name, content in files.items())
        archive.writestr(f"{about}/RECORD", f"{record}{about}/RECORD,,\n")
    return wheel


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
