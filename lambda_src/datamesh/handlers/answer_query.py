"""answer_query: the API's reads and dry runs, which change nothing."""

from datamesh.handlers.portal._modules import MODULES
from datamesh.handlers.portal._runtime import make_handler

handler = make_handler(MODULES, "answer_query")
