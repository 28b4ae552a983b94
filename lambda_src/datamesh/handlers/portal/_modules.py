"""All routes of the API. Every function has these modules and answers what the table of routes says is its own."""

from datamesh.handlers.portal import me
from datamesh.handlers.portal._runtime import Routes

MODULES: tuple[Routes, ...] = (me.route,)
