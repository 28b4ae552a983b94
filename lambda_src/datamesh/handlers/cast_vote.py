"""cast_vote: the API's decisions on requests for access that people take in the portal."""

from datamesh.handlers.portal._modules import MODULES
from datamesh.handlers.portal._runtime import make_handler

handler = make_handler(MODULES, "cast_vote")
