# Central governance: the account that owns the catalog entries of all data products.
#
# To read what happens to an event, open the file with the flow's name: register_data_domain.tf,
# register_data_product.tf, share_data_product.tf, index_data_product.tf, revoke_access.tf, deregister_data_product.tf,
# deregister_data_domain.tf. Each one reads in event order: pattern, workflow, function, what the function may do.

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name

  # Every name follows from the prefix and every ARN from a name. So a plan shows whole policies and
  # patterns, and a domain can name what belongs to central without asking for its state.
  name               = "${var.prefix}-central"
  catalog_prefix     = replace(var.prefix, "-", "_") # a database name with a dash would need quotes in every query
  domain_bus_name    = "${var.prefix}-domain"
  domain_secret      = "${var.prefix}-domain-config"
  lake_access_name   = "${local.name}-lake-access"
  notifications_name = "${local.name}-notifications"
  routing_role_name  = "${local.name}-to-domains"

  schedule_role_name = "${local.name}-schedules"

  arn = {
    approval_topic  = "arn:${local.partition}:sns:${local.region}:${var.account_id}:${local.name}-approvals"
    bus             = "arn:${local.partition}:events:${local.region}:${var.account_id}:event-bus/${local.name}"
    catalog         = "arn:${local.partition}:glue:${local.region}:${var.account_id}:catalog"
    databases       = "arn:${local.partition}:glue:${local.region}:${var.account_id}:database/${local.catalog_prefix}_*"
    default_bus     = "arn:${local.partition}:events:${local.region}:${var.account_id}:event-bus/default"
    lake_access     = "arn:${local.partition}:iam::${var.account_id}:role/${local.lake_access_name}"
    ledger          = "arn:${local.partition}:dynamodb:${local.region}:${var.account_id}:table/${var.prefix}-ledger"
    notifications   = "arn:${local.partition}:sqs:${local.region}:${var.account_id}:${local.notifications_name}"
    registry        = "arn:${local.partition}:dynamodb:${local.region}:${var.account_id}:table/${var.prefix}-registry"
    role            = "arn:${local.partition}:iam::${var.account_id}:role/${local.name}"
    routing_dlq     = "arn:${local.partition}:sqs:${local.region}:${var.account_id}:${local.routing_role_name}-dlq"
    routing_role    = "arn:${local.partition}:iam::${var.account_id}:role/${local.routing_role_name}"
    routing_rules   = "arn:${local.partition}:events:${local.region}:${var.account_id}:rule/${local.name}/${var.prefix}-to-*"
    registry_index  = "arn:${local.partition}:dynamodb:${local.region}:${var.account_id}:table/${var.prefix}-registry/index/listing"
    resource_shares = "arn:${local.partition}:ram:${local.region}:${var.account_id}:resource-share/*"
    schedule_dlq    = "arn:${local.partition}:sqs:${local.region}:${var.account_id}:${local.schedule_role_name}-dlq"
    schedule_role   = "arn:${local.partition}:iam::${var.account_id}:role/${local.schedule_role_name}"
    schedules       = "arn:${local.partition}:scheduler:${local.region}:${var.account_id}:schedule/${local.name}/${var.prefix}-*"
    state_machine   = "arn:${local.partition}:states:${local.region}:${var.account_id}:stateMachine:${local.name}"
    tables          = "arn:${local.partition}:glue:${local.region}:${var.account_id}:table/${local.catalog_prefix}_*/*"
    user_functions  = "arn:${local.partition}:glue:${local.region}:${var.account_id}:userDefinedFunction/${local.catalog_prefix}_*/*"
  }

  # Which accounts can be domains, as the condition that every policy reaching into one of them carries.
  in_domain_account = (
    var.organization_id != null
    ? { variable = "aws:ResourceOrgID", values = compact([var.organization_id]) }
    : { variable = "aws:ResourceAccount", values = var.domain_account_ids }
  )

  # What every function of this account is told; each adds its own (datamesh/settings.py reads them).
  environment = {
    DATAMESH_ACCOUNT_ID          = var.account_id
    DATAMESH_PREFIX              = var.prefix
    POWERTOOLS_LOG_LEVEL         = var.log_level
    POWERTOOLS_METRICS_NAMESPACE = var.prefix
  }
}
