"""Which AWS actions the code of a flow can ask for, found by reading the code itself.

A handler names the gateways (classes of `datamesh.aws`) that it hands to its logic; the methods that handler and logic
call on them lead to operations of boto3 clients, and these to IAM actions. So a call that somebody adds, or no longer
makes, changes what `function_actions` returns, and the flow test compares that with the policies in the plan.

The functions of the API share their modules: each answers the routes that are its own by the table of routes, and can
run what these routes name.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

from datamesh.models.api.routes import BY_OPERATION

SOURCE = Path(__file__).resolve().parents[2] / "lambda_src"

# The functions of datamesh/aws/clients.py: the service as boto3 calls it, and its prefix in IAM.
CLIENTS = {
    "dynamodb": ("dynamodb", "dynamodb"),
    "events": ("events", "events"),
    "glue": ("glue", "glue"),
    "kms": ("kms", "kms"),
    "lake_formation": ("lakeformation", "lakeformation"),
    "ram": ("ram", "ram"),
    "s3": ("s3", "s3"),
    "scheduler": ("scheduler", "scheduler"),
    "secrets_manager": ("secretsmanager", "secretsmanager"),
    "sns": ("sns", "sns"),
    "sqs": ("sqs", "sqs"),
    "step_functions": ("stepfunctions", "states"),
    "sts": ("sts", "sts"),
}

# Operations whose IAM action has another name, or which need none.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
# https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
# A transaction needs the actions of what is in it:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
RENAMED = {
    "s3:HeadBucket": {"s3:ListBucket"},
    "sts:GetCallerIdentity": set(),
    "dynamodb:TransactWriteItems": set(),
    "sqs:SendMessageBatch": {"sqs:SendMessage"},
}

# The changes of models/registry.py that Registry.write puts into a transaction.
TRANSACTION_PARTS = {
    "Append": "dynamodb:PutItem",
    "Check": "dynamodb:ConditionCheckItem",
    "Drop": "dynamodb:DeleteItem",
    "GiveBack": "dynamodb:DeleteItem",
    "Save": "dynamodb:PutItem",
    "Take": "dynamodb:PutItem",
    "write_all": "dynamodb:ConditionCheckItem",
}

# What AWS asks of the caller besides the action itself. Who may not list a bucket is not told that it lacks an object:
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
IMPLIED = {
    "events:PutTargets": {"iam:PassRole"},
    "glue:CreateCrawler": {"iam:PassRole"},
    "lakeformation:BatchGrantPermissions": {"lakeformation:GrantPermissions"},
    "lakeformation:BatchRevokePermissions": {"lakeformation:RevokePermissions"},
    "scheduler:CreateSchedule": {"iam:PassRole"},
    "lakeformation:RegisterResource": {"iam:GetRole", "iam:PassRole"},
    "s3:GetObject": {"s3:ListBucket"},
    "secretsmanager:GetSecretValue": {"kms:Decrypt"},
}

# Libraries that call AWS with a client that they are given.
# https://docs.powertools.aws.dev/lambda/python/latest/utilities/idempotency/#required-resources
LIBRARIES = {
    "DynamoDBPersistenceLayer": frozenset(
        {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
    ),
}

# The routes of the API, and what only those functions run that change something (`changes_something`).
API = "datamesh.handlers.portal"
ONCE = (f"{API}._runtime", "_once")
READING = "answer_query"

# What Lake Formation does with its caller's rights when it grants to another account.
# https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-prereqs.html
CROSS_ACCOUNT_GRANT = frozenset(
    {
        "glue:DeleteResourcePolicy",
        "glue:PutResourcePolicy",
        "organizations:DescribeAccount",
        "organizations:DescribeOrganization",
        "organizations:ListAccountsForParent",
        "organizations:ListOrganizationalUnitsForParent",
        "organizations:ListRoots",
        "ram:AssociateResourceShare",
        "ram:AssociateResourceSharePermission",
        "ram:CreateResourceShare",
        "ram:DeleteResourceShare",
        "ram:DisassociateResourceShare",
        "ram:Get*",
        "ram:List*",
        "ram:UpdateResourceShare",
    }
)


@dataclass(frozen=True)
class Callee:
    """A gateway class, or a function of a gateway module: the actions of each of its methods."""

    name: str
    methods: dict[str, frozenset[str]] = field(default_factory=dict)


def function_actions(flow: str) -> set[str]:
    """Return the IAM actions that the function of a flow needs, for what its code calls and for what AWS adds to it."""
    reached = _reached(flow)
    nodes = [node for definition in reached.definitions for node in ast.walk(definition)]
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    named = {node.id for node in nodes if isinstance(node, ast.Name)} | used
    actions: set[str] = set()
    for callee in reached.callees:
        for method, needed in callee.methods.items():
            if method in used or method == callee.name:
                actions |= needed
    if "dynamodb:TransactWriteItems" in actions:
        actions |= {action for name, action in TRANSACTION_PARTS.items() if name in named}
    for operation, instead in RENAMED.items():
        if operation in actions:
            actions = (actions - {operation}) | instead
    for action, implied in IMPLIED.items():
        if action in actions:
            actions |= implied
    return actions


@dataclass
class Reached:
    """What a handler can run: definitions of handlers and logic, and gateways."""

    definitions: list[ast.stmt] = field(default_factory=list)
    callees: list[Callee] = field(default_factory=list)


def _reached(flow: str) -> Reached:
    """Follow the names from a handler module through handlers and logic, as far as the gateways."""
    found = Reached()
    handler = f"datamesh.handlers.{flow}"
    ahead: list[tuple[str, str]] = [(handler, name) for name in _definitions(handler)]
    ahead += _routes(flow)
    seen: set[tuple[str, str]] = {ONCE} if flow == READING else set()
    while ahead:
        module, name = ahead.pop()
        if (module, name) in seen:
            continue
        seen.add((module, name))
        if module.startswith("datamesh.aws."):
            gateways = gateway_module(module)
            found.callees += [gateways[name]] if name in gateways else []
        elif name in _definitions(module):
            definition = _definitions(module)[name]
            found.definitions.append(definition)
            imports = _imports(module)
            used = {node.id for node in ast.walk(definition) if isinstance(node, ast.Name)}
            ahead += [imports.get(each, (module, each)) for each in used]
            # `_gateways.registry` where `_gateways` is a module.
            ahead += [
                (".".join(imports[node.value.id]), node.attr)
                for node in ast.walk(definition)
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imports
            ]
    return found


def _routes(function: str) -> list[tuple[str, str]]:
    """Return what answers the routes of a function of the API: `@route(BY_OPERATION["get_me"])`."""
    return [
        (module, definition.name)
        for module in (f"{API}.{file.stem}" for file in sorted(_path(API).parent.glob("*.py")))
        for definition in _parse(module).body
        if isinstance(definition, ast.FunctionDef)
        for decorator in definition.decorator_list
        for operation in ast.walk(decorator)
        if isinstance(operation, ast.Constant) and operation.value in BY_OPERATION
        if BY_OPERATION[str(operation.value)].function == function
    ]


@cache
def _definitions(module: str) -> dict[str, ast.stmt]:
    """Return what a module defines, by name. Other packages define nothing here, nor do classes in their place."""
    if not module.startswith(("datamesh.handlers.", "datamesh.logic.")) or not _path(module).is_file():
        return {}
    named: dict[str, ast.stmt] = {}
    for node in _parse(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            named[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            named |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return named


@cache
def _imports(module: str) -> dict[str, tuple[str, str]]:
    """Return what a module imports by name: {name here => (module, name there)}."""
    return {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in _parse(module).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@cache
def gateway_module(module: str) -> dict[str, Callee]:
    """Return the classes and functions of a gateway module that call AWS, each with the actions of its methods."""
    tree = _parse(module)
    callees = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            service = _client_of(node)
            if service is not None:
                callees[node.name] = Callee(node.name, _methods(node, *service))
        elif isinstance(node, ast.FunctionDef):
            service = _client_of(node)
            if service is not None:
                callees[node.name] = Callee(node.name, {node.name: frozenset(_operations(node, *service))})
    return callees


def _client_of(node: ast.AST) -> tuple[str, str] | None:
    """Return the service whose client a class or function asks `clients` for. Fails when there are two."""
    found = {
        child.attr
        for child in ast.walk(node)
        if isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name) and child.value.id == "clients"
    } & set(CLIENTS)
    if len(found) > 1:
        raise AssertionError(f"a gateway has one client, this one has {sorted(found)}: teach this module")
    return CLIENTS[found.pop()] if found else None


def _methods(gateway: ast.ClassDef, boto3_name: str, prefix: str) -> dict[str, frozenset[str]]:
    """Return the actions of each method, those of the methods that it calls included."""
    bodies = {node.name: node for node in gateway.body if isinstance(node, ast.FunctionDef)}
    own = {name: _operations(body, boto3_name, prefix) for name, body in bodies.items()}
    calls = {
        name: {
            node.attr
            for node in ast.walk(body)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
        }
        & set(bodies)
        for name, body in bodies.items()
    }

    library = {
        action
        for node in ast.walk(gateway)
        if isinstance(node, ast.Name)
        for action in LIBRARIES.get(node.id, frozenset())
    }

    def reachable(name: str, seen: frozenset[str]) -> set[str]:
        found = own[name] | library
        for other in calls[name] - seen:
            found |= reachable(other, seen | {other})
        return found

    return {name: frozenset(reachable(name, frozenset({name}))) for name in bodies}


def _operations(node: ast.AST, boto3_name: str, prefix: str) -> set[str]:
    """Return the actions whose operations are called by attribute (`client.get_table`) or named by a string."""
    operations = _operation_names(boto3_name)
    names = {child.attr for child in ast.walk(node) if isinstance(child, ast.Attribute)}
    names |= {str(child.value) for child in ast.walk(node) if isinstance(child, ast.Constant)}
    return {f"{prefix}:{operations[name]}" for name in names & set(operations)}


@cache
def _operation_names(boto3_name: str) -> dict[str, str]:
    """Return {method of the boto3 client => operation}."""
    model = botocore.session.get_session().get_service_model(boto3_name)
    return {xform_name(operation): operation for operation in model.operation_names}


@cache
def _parse(module: str) -> ast.Module:
    return ast.parse(_path(module).read_text(encoding="utf-8"))


def _path(module: str) -> Path:
    """Return the file of a module or package, whether it is there or not."""
    path = SOURCE / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
