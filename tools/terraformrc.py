"""Write a Terraform CLI configuration that finds the AWS provider: build/terraformrc.

A machine without access to Terraform's registry has the provider in a filesystem mirror. Where one is found,
the provider comes from there and everything else from where it always comes; where none is found, the registry is
asked once and the download is kept below build/. What a person configured for themselves is respected:
their provider installation is used as it is, and their other settings are kept.

Documentation: https://developer.hashicorp.com/terraform/cli/config/config-file
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "build" / "terraformrc"

REGISTRY = "registry.terraform.io"
PROVIDER = "hashicorp/aws"

# Deeper than anybody keeps a mirror, and shallow enough to look through a whole disk in a moment.
MAX_DEPTH = 5
# Not on a disk, or so full of small files that looking through them takes long; and copies that `terraform init` made.
SKIPPED = frozenset({"proc", "sys", "dev", "run", "node_modules", "site-packages", "__pycache__", ".git", ".terraform"})


def system() -> str:
    """Return Terraform's name of this machine's platform, e.g. `linux_amd64`."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"{platform.system().lower()}_{machine}"


def is_mirror(folder: Path) -> bool:
    """Tell whether a folder is a filesystem mirror, unpacked or packed, with the AWS provider for this machine.

    Layout: https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror
    """
    provider = folder / REGISTRY / PROVIDER
    return any(provider.glob(f"*/{system()}/terraform-provider-aws*")) or any(provider.glob(f"*_{system()}.zip"))


def _folders(start: Path, depth: int) -> Iterator[Path]:
    """Yield a folder and those below it, those near the top first; what cannot be read is not there."""
    level = [start]
    for _ in range(depth):
        below: list[Path] = []
        for folder in level:
            yield folder
            try:
                with os.scandir(folder) as entries:
                    below += [
                        Path(entry.path)
                        for entry in entries
                        if entry.name not in SKIPPED and entry.is_dir(follow_symlinks=False)
                    ]
            except OSError:
                continue
        level = sorted(below)


@cache
def find_mirror() -> Path | None:
    """Return the filesystem mirror of this machine with the AWS provider, or None."""
    # Where Terraform itself looks without being told, then everywhere.
    starts = [Path.home() / ".terraform.d" / "plugins", Path("/usr/local/share/terraform/plugins"), Path("/opt")]
    for start in [*starts, Path.home(), Path("/")]:
        for folder in _folders(start, MAX_DEPTH):
            if (folder / REGISTRY).is_dir() and is_mirror(folder):
                return folder
    return None


def unpacked_provider() -> Path | None:
    """Return the folder with the provider's program when the mirror has exactly one, unpacked; else None."""
    mirror = find_mirror()
    programs = list((mirror / REGISTRY / PROVIDER).glob(f"*/{system()}/terraform-provider-aws*")) if mirror else []
    return programs[0].parent if len(programs) == 1 else None


def own_configuration() -> str:
    """Return the text of the CLI configuration that this person has, empty when there is none."""
    candidates = [Path(os.environ[name]) for name in ("TF_CLI_CONFIG_FILE",) if os.environ.get(name)]
    candidates.append(Path.home() / ".terraformrc")
    for file in candidates:
        if file.is_file() and file.resolve() != TARGET.resolve():
            return file.read_text(encoding="utf-8")
    return ""


def render(mirror: Path | None, own: str, cache_folder: Path) -> str:
    """Return the CLI configuration for a mirror (or none), on top of what the person has configured."""
    if "provider_installation" in own:
        return own
    header = f"# Written by tools/terraformrc.py.\n{own}"
    if mirror is None:
        if "plugin_cache_dir" in own:
            return header
        return (
            f"{header}\n"
            f'plugin_cache_dir = "{cache_folder.as_posix()}"\n'
            "# The copies of the roots that tests make have no lock file; the cache must serve them too.\n"
            "plugin_cache_may_break_dependency_lock_file = true\n"
        )
    return f"""{header}
provider_installation {{
  filesystem_mirror {{
    path    = "{mirror.as_posix()}"
    include = ["{REGISTRY}/{PROVIDER}"]
  }}
  direct {{
    exclude = ["{REGISTRY}/{PROVIDER}"]
  }}
}}
"""


def write_terraformrc(target: Path = TARGET) -> Path:
    """Write the configuration where it is missing or differs, and return its path."""
    cache_folder = target.parent / "terraform-plugins"
    text = render(find_mirror(), own_configuration(), cache_folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    if "plugin_cache_dir" in text and str(cache_folder) in text:
        cache_folder.mkdir(exist_ok=True)  # Terraform wants it to exist
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        # Other processes may read it right now: replaced as a whole, never half written.
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    return target


def main() -> int:
    """Write the configuration and print its path, for `TF_CLI_CONFIG_FILE=$(python tools/terraformrc.py)`."""
    print(write_terraformrc())
    return 0


if __name__ == "__main__":
    sys.exit(main())
