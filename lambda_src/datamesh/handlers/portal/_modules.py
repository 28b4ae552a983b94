"""All routes of the API. Every function has these modules and answers what the table of routes says is its own."""

from datamesh.handlers.portal import (
    approvals,
    audit,
    domains,
    executions,
    grants,
    me,
    operations,
    products,
    requests,
    search,
)
from datamesh.handlers.portal._runtime import Routes

MODULES: tuple[Routes, ...] = (
    me.route,
    domains.route,
    search.route,
    products.route,
    products.tags,
    requests.route,
    approvals.route,
    grants.route,
    operations.route,
    executions.route,
    audit.route,
)
