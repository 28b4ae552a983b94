"""Terraform finds what it made of a portal: a second plan is empty, what was made serves, and it can be destroyed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL, REGION
from tests.sandbox.functions.support import deploy
from tests.sandbox.httpapi.conftest import ECHO
from tools.terraformrc import write_terraformrc

SOURCE = Path(__file__).parent / "second_plan" / "main.tf"


def test_people_an_api_and_a_site(clean_sandbox: Sandbox, tmp_path: Path, make_role: Callable[..., str]) -> None:
    deploy(clean_sandbox, CENTRAL, "echo", ECHO, make_role("echo"))
    shutil.copy(SOURCE, tmp_path)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    environment = kept | {
        "TF_CLI_CONFIG_FILE": str(write_terraformrc()),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "AWS_ENDPOINT_URL": clean_sandbox.url,
        "AWS_ACCESS_KEY_ID": CENTRAL,
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def terraform(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            ["terraform", *arguments, "-no-color"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    for step in (["init", "-input=false"], ["apply", "-auto-approve", "-input=false"]):
        code, said = terraform(*step)
        assert code == 0, said
    code, said = terraform("plan", "-detailed-exitcode", "-input=false")
    assert code == 0, said
    _, printed = terraform("output", "-json")
    outputs = {name: output["value"] for name, output in json.loads(printed).items()}
    assert outputs["endpoint"] == f"cognito-idp.{REGION}.amazonaws.com/{outputs['pool']}"
    site = f"{clean_sandbox.url}/_sandbox/cloudfront/{outputs['site'].removeprefix('https://').partition('.')[0]}"
    # The distribution's function makes pages of paths without a file's name.
    for path in ("/", "/products/sales/departures"):
        with urllib.request.urlopen(site + path, timeout=30) as answer:  # noqa: S310  the sandbox's own URL
            assert answer.read() == b"<!doctype html><title>Portal</title>"
            assert answer.headers["content-security-policy"] == "default-src 'none'; script-src 'self'"
    with urllib.request.urlopen(clean_sandbox.api_url(outputs["api"], "/open/x"), timeout=30) as answer:  # noqa: S310
        assert json.load(answer)["routeKey"] == "ANY /open/{proxy+}"
    code, said = terraform("destroy", "-auto-approve", "-input=false")
    assert code == 0, said
