"""send_command: the API's commands of people, put on central's bus."""

from datamesh.handlers.portal._modules import MODULES
from datamesh.handlers.portal._runtime import make_handler

handler = make_handler(MODULES, "send_command")
