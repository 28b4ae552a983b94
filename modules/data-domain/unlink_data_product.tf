# DataProductAccessEnding, DataProductDeregistered → what this account made of them is gone: grants on the domain's own
# principals, then the links that nobody needs. Central waits for the answer before it revokes.

locals {
  unlink_data_product = "${local.name}-unlink-data-product"
}

# 1. Pattern and workflow

module "unlink_data_product" {
  source = "../workflow"

  name               = local.unlink_data_product
  account_id         = var.account_id
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Takes back what was linked and passed on in this account."
  function_arns      = [module.unlink_data_product_function.alias_arn]
  log_retention_days = var.log_retention_days
  publish_bus_arn    = local.arn.bus

  trigger = {
    event_bus_name = module.event_bus.name
    event_pattern = jsonencode({
      source      = [local.central.source]
      account     = [var.central.account_id]
      detail-type = ["DataProductAccessEnding", "DataProductDeregistered"]
    })
  }

  definition = templatefile("${path.module}/unlink_data_product.asl.json", {
    event_bus_arn = local.arn.bus
    function_arn  = module.unlink_data_product_function.alias_arn
    partition     = local.partition
  })
}

# 2. Function

module "unlink_data_product_function" {
  source = "../lambda-function"

  name               = local.unlink_data_product
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Takes what is to be unlinked through its steps."
  handler            = "datamesh.handlers.unlink_data_product.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 900

  environment = merge(local.environment, {
    CENTRAL_ACCOUNT_ID      = var.central.account_id
    CRAWLER_ROLE_ARN        = local.arn.crawler_role
    DATA_PRINCIPALS         = jsonencode(sort(distinct(var.data_principals)))
    POWERTOOLS_SERVICE_NAME = "unlink_data_product"
    SCHEMA_READER_ROLE_ARN  = "${local.arn.role}-crawl-data-product-function"
  })

  # 3. What it may do, in the order in which it does it
  statements = [
    {
      sid       = "SeeWhatIsStillShared"
      actions   = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables"] # the first two by Lake Formation, for whoever revokes
      resources = local.central_catalog
    },
    {
      sid = "Revoke"
      actions = [
        "lakeformation:BatchGrantPermissions", # to itself, the right to drop what link_data_product made
        "lakeformation:BatchRevokePermissions",
        "lakeformation:GrantPermissions",
        "lakeformation:RevokePermissions",
      ]
      resources = ["*"]
      reason    = "Lake Formation has no resource-level permissions."
    },
    {
      sid       = "RemoveLinks"
      actions   = ["glue:DeleteDatabase", "glue:DeleteTable", "glue:GetDatabase", "glue:GetTable", "glue:GetTables"]
      resources = concat(local.own_catalog, [local.arn.user_functions]) # a database goes with all in it
    },
  ]
}
