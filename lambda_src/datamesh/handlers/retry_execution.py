"""retry_execution: the API's workflows that have failed, started again."""

from datamesh.handlers.portal._modules import MODULES
from datamesh.handlers.portal._runtime import make_handler

handler = make_handler(MODULES, "retry_execution")
