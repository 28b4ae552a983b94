"""`datamesh`: the commands of the mesh. Each group has a module of its own with a typer app, which is added here."""

import sys

import typer

from datamesh.aws.clients import SDK_ERRORS
from datamesh.cli import (
    access,
    approval,
    audit,
    doctor,
    domain,
    events,
    grant,
    policy,
    product,
    reconcile,
    signing_in,
    workflow,
)
from datamesh.cli.client import ApiRefused
from datamesh.cli.config import ConfigFile, choose_file
from datamesh.cli.output import REFUSED, UNANSWERED, remark
from datamesh.models.errors import DatameshError
from datamesh.observability import logger

app = typer.Typer(
    name="datamesh",
    help="The data mesh on the command line.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(signing_in.configure)
app.command()(signing_in.login)
app.command()(signing_in.logout)
app.command()(signing_in.whoami)
app.command()(doctor.doctor)
app.add_typer(access.app, name="access")
app.add_typer(approval.app, name="approval")
app.add_typer(audit.app, name="audit")
app.add_typer(domain.app, name="domain")
app.add_typer(events.app, name="events")
app.add_typer(grant.app, name="grant")
app.add_typer(policy.app, name="policy")
app.add_typer(product.app, name="product")
app.add_typer(reconcile.app, name="reconcile")
app.add_typer(workflow.app, name="workflow")


@app.callback()
def _quietly(config_file: ConfigFile = None) -> None:
    """Keep the package's log lines, which are for CloudWatch, out of what commands print."""
    logger.setLevel("CRITICAL")
    choose_file(config_file)


def main() -> None:
    """Run the command that the shell asks for. What AWS or the mesh says against it is told in a line."""
    try:
        app()
    except ApiRefused as error:
        remark(f"datamesh: {error.code}: {error.message}")
        sys.exit(UNANSWERED if error.problem.status in {401, 429} or error.problem.status >= 500 else REFUSED)
    except DatameshError as error:
        remark(f"datamesh: {error.code}: {error.message}")
        sys.exit(UNANSWERED)
    except SDK_ERRORS as error:
        remark(f"datamesh: {error}")
        sys.exit(UNANSWERED)


if __name__ == "__main__":
    main()
