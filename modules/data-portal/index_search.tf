# Products come, change and go → what is found of them. The index is made of the registry alone, so it can be made anew at
# any time: invoke the function with {"rebuild": true}.

locals {
  index_search = "${local.name}-index-search"
}

# 1. Pattern and target

module "index_search" {
  source = "../event-subscription"

  name             = local.index_search
  account_id       = var.account_id
  alarm_topic_arns = var.alarm_topic_arns
  description      = "Keeps the search index true to the registry."
  event_bus_name   = var.event_bus_name
  event_pattern = jsonencode({
    # What central has found and done itself: from this very account.
    account = [var.account_id]
    detail-type = [
      "DataDomainDeregistered",
      "DataDomainRegistered",
      "DataProductDeregistered",
      "DataProductIndexed",
      "DataProductRegistered",
      "DataProductTagsChanged",
    ]
    source = ["datamesh.central"]
  })
  target = { lambda = { arn = module.index_search_function.alias_arn } }
}

# 2. Function

module "index_search_function" {
  source = "../lambda-function"

  name                  = local.index_search
  alarm_topic_arns      = var.alarm_topic_arns
  description           = "Writes products into the search index."
  failure_queue_enabled = true
  handler               = "datamesh.handlers.index_search.handler"
  log_retention_days    = var.log_retention_days
  memory_size           = 1024
  package               = var.lambda_package
  # One writer at a time: the index is one file.
  reserved_concurrent_executions = 1
  timeout                        = 300

  environment = merge(local.environment, local.search_environment, {
    POWERTOOLS_SERVICE_NAME = "index_search"
    REGISTRY_TABLE          = var.registry_table_name
  })

  # 3. What it may do, in the order in which it does it
  statements = concat(
    [
      {
        sid       = "ReadRegistry"
        actions   = ["dynamodb:GetItem", "dynamodb:Query"]
        resources = [local.arn.registry, local.arn.listing]
      },
    ],
    local.search_writing_statements,
  )
}

# 4. What is registered already, when the portal comes to a mesh that is at work, or the index to another place

resource "aws_lambda_invocation" "rebuild_search" {
  function_name = module.index_search_function.function_name
  qualifier     = module.index_search_function.alias_name
  input         = jsonencode({ rebuild = true })
  triggers      = { index = var.open_search == null ? local.search_bucket : var.open_search.endpoint }

  # What is registered from here on is told, and what was before is read.
  depends_on = [
    module.index_search,
    module.index_search_function,
    aws_s3_bucket_policy.search,
    aws_s3_bucket_server_side_encryption_configuration.search,
    aws_s3_bucket_versioning.search,
  ]
}
