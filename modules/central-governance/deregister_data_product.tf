# DeregisterDataProduct → access to the product has ended, its tables are out of the catalog; its data stays.

locals {
  deregister_data_product = "${local.name}-deregister-data-product"
}

# 1. Pattern and workflow

module "deregister_data_product" {
  source = "../workflow"

  name               = local.deregister_data_product
  account_id         = var.account_id
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Ends a data product, after all access to it has ended."
  function_arns      = [module.deregister_data_product_function.alias_arn]
  log_retention_days = var.log_retention_days
  publish_bus_arn    = local.arn.bus

  trigger = {
    event_bus_name = module.event_bus.name
    event_pattern = jsonencode({
      "$or"       = local.command_senders
      detail-type = ["DeregisterDataProduct"]
    })
  }

  definition = templatefile("${path.module}/deregister_data_product.asl.json", {
    event_bus_arn = local.arn.bus
    function_arn  = module.deregister_data_product_function.alias_arn
    partition     = local.partition
  })
}

# 2. Function

module "deregister_data_product_function" {
  source = "../lambda-function"

  name               = local.deregister_data_product
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Takes a DeregisterDataProduct command through its steps."
  handler            = "datamesh.handlers.deregister_data_product.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 300

  environment = merge(local.environment, {
    POWERTOOLS_SERVICE_NAME = "deregister_data_product"
    REGISTRY_TABLE          = aws_dynamodb_table.registry.name
  })

  # 3. What it may do, in the order in which it does it
  statements = concat(
    [
      {
        sid = "RecordProduct"
        actions = [
          "dynamodb:ConditionCheckItem",
          "dynamodb:DeleteItem",
          "dynamodb:GetItem",
          "dynamodb:PutItem",
          "dynamodb:Query",
          "dynamodb:Scan", # the requests for the product, which lie each by itself
        ]
        resources = [local.arn.registry]
      },
      {
        sid = "ReleaseTags"
        actions = [
          "lakeformation:AddLFTagsToResource", # the same call sets tags and takes them off
          "lakeformation:GetResourceLFTags",
          "lakeformation:RemoveLFTagsFromResource",
        ]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
      {
        sid = "Revoke"
        actions = [
          "lakeformation:BatchGrantPermissions", # to itself, the right to drop what register_data_product made
          "lakeformation:BatchRevokePermissions",
          "lakeformation:GrantPermissions",
          "lakeformation:ListPermissions",
          "lakeformation:RevokePermissions",
        ]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
      {
        sid       = "DropTables"
        actions   = ["glue:DeleteTable", "glue:GetTable", "glue:GetTables"]
        resources = [local.arn.catalog, local.arn.databases, local.arn.tables]
      },
    ],
    local.cross_account_grant_statements,
  )
}
