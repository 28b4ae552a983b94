"""What the documents say must be there: links lead somewhere, and the manifests in them are manifests."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from datamesh.models import errors
from datamesh.models.commands import ProductSpec, RequestDataProductAccess

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "docs/decisions", "examples", "modules/*", "sandbox")
DOCUMENTS = sorted(file for folder in (".", *FOLDERS) for file in ROOT.glob(f"{folder}/*.md"))
SHARING = (ROOT / "docs" / "sharing.md").read_text()
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", flags=re.DOTALL | re.MULTILINE)


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", SHARING, flags=re.DOTALL | re.MULTILINE)


def anchors(file: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a file."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", file.read_text()), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", DOCUMENTS, ids=name_of)
def test_links_lead_to_something(file: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", file.read_text())):
        path, _, anchor = link.partition("#")
        if link.startswith("https://"):
            continue
        target = (file.parent / path).resolve() if path else file
        if not target.exists() or (target.suffix == ".md" and anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize(("text", "mode"), list(zip(blocks("yaml"), ("nrac", "tbac", "both"), strict=True)))
def test_there_is_a_manifest_for_each_access_mode(text: str, mode: str) -> None:
    assert ProductSpec.model_validate(yaml.safe_load(text)).access_mode == mode


def test_the_request_by_tag_is_one() -> None:
    (text,) = blocks("json")
    assert RequestDataProductAccess.model_validate(json.loads(text)).expression


def test_refusals_that_are_documented_exist() -> None:
    codes = set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`(?:,[^|]*)? \|$", SHARING, flags=re.MULTILINE))
    assert len(codes) > 10
    assert all(issubclass(getattr(errors, code), errors.DatameshError) for code in codes)
