# A data domain: an account that produces data products, consumes them, or both.
#
# To read what happens to an event, open the file with the flow's name: link_data_product.tf,
# crawl_data_product.tf, unlink_data_product.tf. Each one reads in event order: pattern, workflow, function, what the function may do.

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name

  # Every name follows from the prefix and every ARN from a name. So a plan shows whole policies and
  # patterns, and this account can name what belongs to central without asking for its state.
  name           = "${var.prefix}-domain"
  catalog_prefix = replace(var.prefix, "-", "_") # a database name with a dash would need quotes in every query

  arn = {
    approval_topic = "arn:${local.partition}:sns:${local.region}:${var.account_id}:${local.name}-approvals"
    bus            = "arn:${local.partition}:events:${local.region}:${var.account_id}:event-bus/${local.name}"
    crawl_runs     = "arn:${local.partition}:dynamodb:${local.region}:${var.account_id}:table/${local.name}-crawl-runs"
    crawler_role   = "arn:${local.partition}:iam::${var.account_id}:role/${local.name}-crawler"
    crawlers       = "arn:${local.partition}:glue:${local.region}:${var.account_id}:crawler/${local.name}-*"
    role           = "arn:${local.partition}:iam::${var.account_id}:role/${local.name}"
    state_machine  = "arn:${local.partition}:states:${local.region}:${var.account_id}:stateMachine:${local.name}"
    execution      = "arn:${local.partition}:states:${local.region}:${var.account_id}:execution:${local.name}"
    user_functions = "arn:${local.partition}:glue:${local.region}:${var.account_id}:userDefinedFunction/${local.catalog_prefix}_*/*"
  }

  # Catalog entries as IAM sees them: links are in this account, what they point to is in central's.
  own_catalog = [
    "arn:${local.partition}:glue:${local.region}:${var.account_id}:catalog",
    "arn:${local.partition}:glue:${local.region}:${var.account_id}:database/${local.catalog_prefix}_*",
    "arn:${local.partition}:glue:${local.region}:${var.account_id}:table/${local.catalog_prefix}_*/*",
  ]
  central_catalog = [
    "arn:${local.partition}:glue:${local.region}:${var.central.account_id}:catalog",
    "arn:${local.partition}:glue:${local.region}:${var.central.account_id}:database/${local.catalog_prefix}_*",
    "arn:${local.partition}:glue:${local.region}:${var.central.account_id}:table/${local.catalog_prefix}_*/*",
  ]

  # What belongs to central, named as modules/central-governance names it.
  central = {
    bus_arn                    = "arn:${local.partition}:events:${local.region}:${var.central.account_id}:event-bus/${var.prefix}-central"
    lake_access_role_arn       = "arn:${local.partition}:iam::${var.central.account_id}:role/${var.prefix}-central-lake-access"
    register_domain_role_arn   = "arn:${local.partition}:iam::${var.central.account_id}:role/${var.prefix}-central-register-data-domain-function"
    routing_role_arn           = "arn:${local.partition}:iam::${var.central.account_id}:role/${var.prefix}-central-to-domains"
    source                     = "datamesh.central"
    send_notification_role_arn = "arn:${local.partition}:iam::${var.central.account_id}:role/${var.prefix}-central-send-notification-function"
    root_arn                   = "arn:${local.partition}:iam::${var.central.account_id}:root"
  }

  # What every function of this account is told; each adds its own (datamesh/settings.py reads them).
  environment = {
    DATAMESH_ACCOUNT_ID          = var.account_id
    DATAMESH_PREFIX              = var.prefix
    POWERTOOLS_LOG_LEVEL         = var.log_level
    POWERTOOLS_METRICS_NAMESPACE = var.prefix
  }
}
