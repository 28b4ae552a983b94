"""Profiles of the command line for this mesh: everybody who signs in to the portal, and each domain's pipeline."""

from __future__ import annotations

import configparser
import io
from pathlib import Path

from sandbox.mesh.bring_up import Mesh, Portal
from sandbox.mesh.layout import BUILD, MARKETING, PREFIX, REGION, SALES
from sandbox.mesh.people import PORTAL_USERS

FILE = BUILD / "datamesh-cli.ini"
# Whose profile is used when none is named.
DEFAULT = "analyst"


def write(mesh: Mesh) -> Path:
    """Write build/datamesh-cli.ini and return its path; a mesh without a portal has the buses' profiles only.

    It is named by DATAMESH_CONFIG_FILE; `--profile <name>` chooses. A pipeline's profile needs the account's
    credentials besides: AWS_ACCESS_KEY_ID=<account id>, with any secret.
    """
    config = configparser.ConfigParser(default_section="(none)", interpolation=None)
    if mesh.portal is not None:
        for user in PORTAL_USERS:
            if user.profile == DEFAULT:
                config["default"] = _person(mesh.portal, user.email)
            config[f"profile {user.profile}"] = _person(mesh.portal, user.email)
    for account in (SALES, MARKETING):
        config[f"profile {account.domain}-pipeline"] = {
            "mode": "bus",
            "domain": account.domain,
            "prefix": PREFIX,
            "region": REGION,
            "endpoint_url": mesh.endpoint,
        }
    text = io.StringIO()
    config.write(text)
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text.getvalue())
    return FILE


def _person(portal: Portal, email: str) -> dict[str, str]:
    return {
        "mode": "api",
        "api_url": portal.api_url,
        "cognito_endpoint": portal.cognito_endpoint,
        "region": REGION,
        "user_pool_id": portal.user_pool_id,
        "client_id": portal.client_id,
        "email": email,
    }
