"""Manifests of data products: Open Data Contract Standard v3 documents, read into what the mesh registers.

Pure: text in, a product and problems out. docs/manifest.md says what of a contract the mesh uses, and how.
"""

from datamesh.logic.contracts.contract import read_contract
from datamesh.logic.contracts.readings import ContractReading, Place

__all__ = ["ContractReading", "Place", "read_contract"]
