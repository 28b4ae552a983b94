"""Build the Lambda package: one zip per architecture, the same inputs give the same bytes.

The third-party packages come from requirements/lambda.lock as wheels for the target (nothing is
compiled here), the mesh's own code from lambda_src/datamesh. boto3 is not in the zip: the Lambda
runtime brings it (docs/decisions/0003-package-from-the-lock.md).

Usage: python tools/package.py [--target arm64|x86_64|host] [--output-directory build/package]

Writes ``datamesh-<version>-<target>.zip`` and, next to it, a JSON file with the path, the base64
SHA-256 that Terraform compares, the architecture and the runtime.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "lambda_src"
LOCK = ROOT / "requirements" / "lambda.lock"

# What AWS runs. The host's target is for the sandbox, where functions are local processes.
AWS_PYTHON = "3.13"
MANYLINUX = {
    "arm64": ["manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"],
    "x86_64": ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"],
}
# Written by the installer, different from run to run or of no use at run time.
NOT_SHIPPED = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
# The oldest time a zip entry can carry; every entry gets it, so that only contents matter.
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Target:
    """What a zip is built for. ``name`` goes into the file's name, the rest to Terraform."""

    name: str
    architecture: str
    python: str

    @property
    def runtime(self) -> str:
        """The Lambda runtime identifier, for example ``python3.13``."""
        return f"python{self.python}"


def target(name: str) -> Target:
    """Return the target called ``arm64``, ``x86_64`` or ``host``."""
    if name == "host":
        machine = "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"
        return Target("host", machine, f"{sys.version_info.major}.{sys.version_info.minor}")
    return Target(name, name, AWS_PYTHON)


def version() -> str:
    """Return the package's version from lambda_src/pyproject.toml."""
    with (PACKAGE / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def install_dependencies(wanted: Target, directory: Path) -> None:
    """Install the locked packages for ``wanted`` into ``directory``.

    Raises ``subprocess.CalledProcessError`` when a locked version has no wheel for the target.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--no-compile", "--target", str(directory), "--requirement", str(LOCK)]
    command += ["--only-binary=:all:"]
    if wanted.name != "host":
        command += ["--python-version", wanted.python, "--implementation", "cp"]
        for tag in MANYLINUX[wanted.architecture]:
            command += ["--platform", tag]
    # pip warns of package indexes that it cannot find; what matters is whether the install succeeds.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()


def shipped(directory: Path) -> dict[str, Path]:
    """Return archive name → file of everything below ``directory`` that belongs into the zip."""
    files: dict[str, Path] = {}
    for file in directory.rglob("*"):
        name = file.relative_to(directory).as_posix()
        if not file.is_file() or "__pycache__" in name or name.startswith("bin/"):
            continue
        if ".dist-info/" in name and file.name in NOT_SHIPPED:
            continue
        files[name] = file
    return files


def own_code() -> dict[str, Path]:
    """Return archive name → file of the mesh's own code. The command line is for other machines than Lambda's."""
    files = shipped(PACKAGE / "datamesh")
    return {f"datamesh/{name}": file for name, file in files.items() if not name.startswith("cli/")}


def write_zip(files: dict[str, Path], output: Path) -> None:
    """Write ``files`` sorted, with fixed times and modes, uncompressed.

    Stored, not deflated: the bytes of a deflate stream depend on the zlib of the machine that wrote it.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, whatever builds it: the mode above is a Unix mode
            archive.writestr(entry, files[name].read_bytes())


def build(wanted: Target, output_directory: Path) -> Path:
    """Build the zip for ``wanted`` and return its path."""
    output = output_directory / f"datamesh-{version()}-{wanted.name}.zip"
    with tempfile.TemporaryDirectory() as directory:
        dependencies = Path(directory)
        install_dependencies(wanted, dependencies)
        files = shipped(dependencies)
        write_zip(files | own_code(), output)
    digest = hashlib.sha256(output.read_bytes()).digest()
    description = {
        "path": str(output.resolve()),
        "source_code_hash": base64.b64encode(digest).decode(),
        "architecture": wanted.architecture,
        "runtime": wanted.runtime,
        "version": version(),
    }
    output.with_suffix(".json").write_text(json.dumps(description, indent=2) + "\n")
    return output


def main() -> None:
    """Build what the command line names; without a name, what is deployed to AWS and what the sandbox runs."""
    parser = argparse.ArgumentParser(description="Build the Lambda package.")
    parser.add_argument("--target", action="append", choices=["arm64", "x86_64", "host"])
    parser.add_argument("--output-directory", type=Path, default=ROOT / "build" / "package")
    arguments = parser.parse_args()
    for name in arguments.target or ["arm64", "host"]:
        output = build(target(name), arguments.output_directory.resolve())
        digest = hashlib.sha256(output.read_bytes()).hexdigest()
        print(f"{os.path.relpath(output)}  {output.stat().st_size / 1e6:.1f} MB  sha256:{digest[:16]}…")


if __name__ == "__main__":
    main()
