# The portal: people and pipelines use the mesh with it, without an AWS account of their own.
#
# To read what happens to a request, follow it: hosting.tf (the one address, for pages and API), sign_in.tf (who asks),
# api.tf (which route leads to which function), then the file with the function's name: answer_query.tf reads,
# send_command.tf asks the mesh for something, cast_vote.tf decides, retry_execution.tf starts a failed workflow again.
# record_event.tf and index_search.tf listen to the mesh, so that there is something to show and to find.

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name

  # As everywhere in the mesh names follow from the prefix and ARNs from names, so that a plan shows whole policies.
  name    = "${var.prefix}-portal"
  central = "${var.prefix}-central"

  catalog_prefix = replace(var.prefix, "-", "_") # a database name with a dash would need quotes in every query

  arn = {
    bus           = "arn:${local.partition}:events:${local.region}:${var.account_id}:event-bus/${var.event_bus_name}"
    catalog       = "arn:${local.partition}:glue:${local.region}:${var.account_id}:catalog"
    databases     = "arn:${local.partition}:glue:${local.region}:${var.account_id}:database/${local.catalog_prefix}_*"
    executions    = "arn:${local.partition}:states:${local.region}:${var.account_id}:execution:${local.central}-*"
    idempotency   = "arn:${local.partition}:dynamodb:${local.region}:${var.account_id}:table/${local.idempotency_table}"
    ledger        = "arn:${local.partition}:dynamodb:${local.region}:${var.account_id}:table/${var.ledger_table_name}"
    listing       = "arn:${local.partition}:dynamodb:${local.region}:${var.account_id}:table/${var.registry_table_name}/index/listing"
    registry      = "arn:${local.partition}:dynamodb:${local.region}:${var.account_id}:table/${var.registry_table_name}"
    search_bucket = "arn:${local.partition}:s3:::${local.search_bucket}"
    search_index  = "arn:${local.partition}:s3:::${local.search_bucket}/${local.search_key}"
    state_machine = "arn:${local.partition}:states:${local.region}:${var.account_id}:stateMachine:${local.central}"
    tables        = "arn:${local.partition}:glue:${local.region}:${var.account_id}:table/${local.catalog_prefix}_*/*"
    timeline      = "arn:${local.partition}:dynamodb:${local.region}:${var.account_id}:table/${local.timeline_table}"
  }

  sensitive_tags = jsonencode({ for key, values in var.sensitive_tags : key => sort(values) })

  # What every function of this module is told; each adds its own (datamesh/settings.py reads them).
  environment = {
    DATAMESH_ACCOUNT_ID          = var.account_id
    DATAMESH_PREFIX              = var.prefix
    POWERTOOLS_LOG_LEVEL         = var.log_level
    POWERTOOLS_METRICS_NAMESPACE = var.prefix
  }
}
