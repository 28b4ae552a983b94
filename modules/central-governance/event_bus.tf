# The bus that every domain forwards its commands and facts to, and that central publishes on.
# One statement for all domains, however many there are: the organization, or the list of accounts.

locals {
  central_source = "datamesh.central"
  domain_source  = "datamesh.domain"

  # Who sends the commands of domains: they themselves, and this very account for people who use the API. Nobody else
  # can say on this bus that it is central.
  command_senders = [
    { source = [local.domain_source] },
    { source = [local.central_source], account = [var.account_id] },
  ]

  # What a domain may say here; the same list is what its forwarding rule lets through.
  domain_detail_types = [
    "DataProductAccessProvisioned",
    "DataProductCrawlFailed",
    "DataProductLinkFailed",
    "DataProductLinked",
    "DataProductSchemaUpdated",
    "DataProductUnlinked",
    "DeregisterDataDomain",
    "DeregisterDataProduct",
    "ExtendDataProductAccess",
    "RegisterDataDomain",
    "RegisterDataProduct",
    "RequestDataProductAccess",
    "RevokeDataProductAccess",
    "WorkflowFailed",
  ]
}

module "event_bus" {
  source = "../event-bus"

  name             = local.name
  alarm_topic_arns = var.alarm_topic_arns
  senders = {
    account_ids     = var.organization_id == null ? var.domain_account_ids : null
    detail_types    = local.domain_detail_types
    organization_id = var.organization_id
    sources         = [local.domain_source]
  }
}
