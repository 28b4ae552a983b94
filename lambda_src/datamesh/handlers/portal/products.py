"""Products: what a domain offers, how it is registered and changed, who reads it."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Body

from datamesh.handlers._runtime import utc_now
from datamesh.handlers.portal import _gateways
from datamesh.handlers.portal._runtime import (
    Asked,
    DomainInPath,
    Limit,
    NextPage,
    ProductInPath,
    Routes,
    SignedIn,
)
from datamesh.logic.portal.grants import grants_of_product
from datamesh.logic.portal.paging import Paging
from datamesh.logic.portal.products import listed, look, product_detail
from datamesh.logic.portal.registrations import checked, plan
from datamesh.models.api.base import DEFAULT_LIMIT, Accepted
from datamesh.models.api.operations import LfTag, LfTagPage
from datamesh.models.api.products import GrantPage, ProductDetail, ProductPage, ProductPlan, ProductRegistration
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.commands import DeregisterDataProduct, RegisterDataProduct
from datamesh.models.errors import InvalidRequest, NotFound
from datamesh.models.registry import ProductRecord
from datamesh.settings import KnowsSensitiveTags, load

route = Routes("Products")
tags = Routes("LF-tags")
Registration = Annotated[ProductRegistration, Body()]


@route(BY_OPERATION["list_products"])
def list_products(domain: DomainInPath, limit: Limit = DEFAULT_LIMIT, cursor: NextPage = None) -> ProductPage:
    """All products of a domain by name, those included that are being registered or failed to be."""
    registry = _gateways.registry()
    paging = Paging(("list_products", domain), limit, cursor)
    products = [product for product in registry.products(domain) if product.status != "DEREGISTERED"]
    page, following = paging.page_of(sorted(products, key=_name), key=_name)
    return ProductPage(items=tuple(listed(registry, page)), next_cursor=following)


@route(BY_OPERATION["get_product"])
def get_product(caller: SignedIn, domain: DomainInPath, product: ProductInPath) -> ProductDetail:
    """A product: its tables and columns, who owns it, and for those with access samples and how to query it."""
    registry = _gateways.registry()
    seen = look(registry, domain, product, caller, prefix=_gateways.prefix(), now=utc_now())
    return product_detail(seen, caller)


@route(BY_OPERATION["plan_product"])
def plan_product(domain: DomainInPath, body: Registration) -> ProductPlan:
    """What a registration would change, what of that breaks consumers, and whom it hits. Nothing is changed.

    What is wrong with a manifest is among the problems, each with its line.
    """
    return plan(_gateways.registry(), domain, body, sensitive_tags=load(KnowsSensitiveTags).sensitive_tags)


@route(BY_OPERATION["register_product"])
def register_product(origin: Asked, domain: DomainInPath, body: Registration) -> Accepted:
    """Register a product, from an Open Data Contract Standard manifest or from the mesh's own form.

    A product that is registered already is changed. A change that breaks consumers is refused (`BreakingChange`) unless
    it is said to be meant.
    """
    spec = checked(_gateways.registry(), domain, body, sensitive_tags=load(KnowsSensitiveTags).sensitive_tags)
    return _gateways.send(RegisterDataProduct(domain=domain, product=spec), origin)


@route(BY_OPERATION["update_product"])
def update_product(origin: Asked, domain: DomainInPath, product: ProductInPath, body: Registration) -> Accepted:
    """Change a product that is registered. Tables that are left out stay as they are."""
    registry = _gateways.registry()
    _there(registry.product(domain, product), domain, product)
    spec = checked(registry, domain, body, sensitive_tags=load(KnowsSensitiveTags).sensitive_tags)
    if spec.name != product:
        raise InvalidRequest(f"This is the product {spec.name}, not {product}", "product.name")
    return _gateways.send(RegisterDataProduct(domain=domain, product=spec), origin)


@route(BY_OPERATION["deregister_product"])
def deregister_product(origin: Asked, domain: DomainInPath, product: ProductInPath) -> Accepted:
    """Take a product out of the mesh, with all access to it. Its data stays where it is."""
    _there(_gateways.registry().product(domain, product), domain, product)
    return _gateways.send(DeregisterDataProduct(domain=domain, name=product), origin)


@route(BY_OPERATION["list_product_grants"])
def list_product_grants(
    domain: DomainInPath, product: ProductInPath, limit: Limit = DEFAULT_LIMIT, cursor: NextPage = None
) -> GrantPage:
    """Who reads a product, by name and by LF-tag: of which tables which columns and rows, and until when."""
    registry = _gateways.registry()
    record = _there(registry.product(domain, product), domain, product)
    grants = grants_of_product(
        record,
        registry.tables(domain, product),
        registry.grants(domain, product),
        registry.tag_grants(),
        prefix=_gateways.prefix(),
        now=utc_now(),
    )
    paging = Paging(("list_product_grants", domain, product), limit, cursor)
    page, following = paging.page_of(
        grants,
        key=lambda grant: f"{grant.consumer}#{grant.request_id}",
        size=lambda grant: len(grant.model_dump_json()),
    )
    return GrantPage(items=page, next_cursor=following)


@tags(BY_OPERATION["list_lf_tags"])
def list_lf_tags(limit: Limit = DEFAULT_LIMIT, cursor: NextPage = None) -> LfTagPage:
    """The LF-tags of the mesh by key, with their values."""
    found = [LfTag(key=key, values=values) for key, values in _gateways.lf_tags().all_values().items()]
    page, following = Paging(("list_lf_tags",), limit, cursor).page_of(sorted(found, key=_place), key=_place)
    return LfTagPage(items=page, next_cursor=following)


def _name(product: ProductRecord) -> str:
    return product.name


def _place(tag: LfTag) -> str:
    """Return the place of a tag in the list: whoever made it outside the mesh may have used any letters."""
    return tag.key.encode("ascii", "backslashreplace").decode()


def _there(record: ProductRecord | None, domain: str, name: str) -> ProductRecord:
    if record is None or record.status == "DEREGISTERED":
        raise NotFound(f"There is no product {domain}.{name}")
    return record
