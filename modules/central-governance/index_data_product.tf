# What domains report → the registry stays true: columns, classification, what is linked and provisioned.

locals {
  index_data_product = "${local.name}-index-data-product"
}

# 1. Pattern and workflow

module "index_data_product" {
  source = "../workflow"

  name               = local.index_data_product
  account_id         = var.account_id
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Keeps the registry true to what domains report, and columns tagged as declared."
  function_arns      = [module.index_data_product_function.alias_arn]
  log_retention_days = var.log_retention_days
  publish_bus_arn    = local.arn.bus

  trigger = {
    event_bus_name = module.event_bus.name
    event_pattern = jsonencode({
      source = [local.domain_source]
      detail-type = [
        "DataProductAccessProvisioned",
        "DataProductCrawlFailed",
        "DataProductLinked",
        "DataProductSchemaUpdated",
        "DataProductUnlinked",
      ]
    })
  }

  definition = templatefile("${path.module}/index_data_product.asl.json", {
    event_bus_arn = local.arn.bus
    function_arn  = module.index_data_product_function.alias_arn
    partition     = local.partition
  })
}

# 2. Function

module "index_data_product_function" {
  source = "../lambda-function"

  name               = local.index_data_product
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Writes what a domain reports into the registry."
  handler            = "datamesh.handlers.index_data_product.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 300

  environment = merge(local.environment, local.ledger_environment, local.lf_tag_environment, {
    POWERTOOLS_SERVICE_NAME = "index_data_product"
    REGISTRY_TABLE          = aws_dynamodb_table.registry.name
  })

  # 3. What it may do, in the order in which it does it
  statements = concat(local.ledger_statements, local.hold_back_statements, local.cross_account_grant_statements, [
    {
      sid = "RecordFacts"
      actions = [
        "dynamodb:ConditionCheckItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
      ]
      resources = [local.arn.registry]
    },
    {
      sid       = "ReadSchema"
      actions   = ["glue:GetDatabase", "glue:GetTable"]
      resources = [local.arn.catalog, local.arn.databases, local.arn.tables]
    },
    {
      sid = "TagColumns"
      actions = [
        "lakeformation:AddLFTagsToResource",
        "lakeformation:GetLFTag",
        "lakeformation:GetResourceLFTags",
        "lakeformation:RemoveLFTagsFromResource",
      ]
      resources = ["*"]
      reason    = "Lake Formation has no resource-level permissions."
    },
  ])
}
