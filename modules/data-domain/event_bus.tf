# The domain's bus. Its own teams put commands on it, and a rule forwards them to central; central alone may put
# something on it from outside, through the role of its routing rules.

locals {
  source = "datamesh.domain"

  # What central tells a domain.
  central_detail_types = [
    "CommandRejected",
    "DataDomainDeregistered",
    "DataDomainRegistered",
    "DataProductAccessApproved",
    "DataProductAccessChanged",
    "DataProductAccessDenied",
    "DataProductAccessEnding",
    "DataProductAccessExpired",
    "DataProductAccessExpiring",
    "DataProductAccessExtended",
    "DataProductAccessGranted",
    "DataProductAccessRequested",
    "DataProductAccessRevoked",
    "DataProductDeregistered",
    "DataProductRegistered",
    "DataProductTagsChanged",
  ]

  # What a domain tells central; central's bus policy has the same list.
  forwarded_detail_types = [
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
    detail_types = local.central_detail_types
    role_arns    = [local.central.routing_role_arn]
    sources      = [local.central.source]
  }
}

# The pattern takes only events of this very account: EventBridge would drop anything else at its third hop.
module "to_central" {
  source = "../event-subscription"

  name             = "${local.name}-to-central"
  account_id       = var.account_id
  alarm_topic_arns = var.alarm_topic_arns
  description      = "Forwards the domain's commands and facts to central governance."
  event_bus_name   = module.event_bus.name
  event_pattern = jsonencode({
    source      = [local.source]
    account     = [var.account_id]
    detail-type = local.forwarded_detail_types
  })
  target = { event_bus = { arn = local.central.bus_arn } }
}
