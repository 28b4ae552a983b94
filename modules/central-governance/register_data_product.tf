# RegisterDataProduct → the product's tables in the catalog, granted back to their producer.

locals {
  register_data_product = "${local.name}-register-data-product"
}

# 1. Pattern and workflow

module "register_data_product" {
  source = "../workflow"

  name               = local.register_data_product
  account_id         = var.account_id
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Registers a data product: empty tables that the producer may fill with a schema."
  function_arns      = [module.register_data_product_function.alias_arn]
  log_retention_days = var.log_retention_days
  publish_bus_arn    = local.arn.bus

  trigger = {
    event_bus_name = module.event_bus.name
    event_pattern = jsonencode({
      "$or"       = local.command_senders
      detail-type = ["RegisterDataProduct"]
    })
  }

  definition = templatefile("${path.module}/register_data_product.asl.json", {
    event_bus_arn = local.arn.bus
    function_arn  = module.register_data_product_function.alias_arn
    partition     = local.partition
  })
}

# 2. Function

module "register_data_product_function" {
  source = "../lambda-function"

  name               = local.register_data_product
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Takes a RegisterDataProduct command through its steps."
  handler            = "datamesh.handlers.register_data_product.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 300

  environment = merge(local.environment, local.ledger_environment, local.lf_tag_environment, {
    POWERTOOLS_SERVICE_NAME = "register_data_product"
    REGISTRY_TABLE          = aws_dynamodb_table.registry.name
  })

  # 3. What it may do, in the order in which it does it
  statements = concat(
    [
      {
        sid = "RecordProduct"
        actions = [
          "dynamodb:BatchGetItem",
          "dynamodb:ConditionCheckItem",
          "dynamodb:DeleteItem",
          "dynamodb:GetItem",
          "dynamodb:PutItem",
          "dynamodb:Query",
        ]
        resources = [local.arn.registry]
      },
      {
        sid       = "MakeTables"
        actions   = ["glue:CreateTable", "glue:GetDatabase", "glue:GetTable", "glue:UpdateTable"]
        resources = [local.arn.catalog, local.arn.databases, local.arn.tables]
      },
      {
        sid = "TagTables"
        actions = [
          "lakeformation:AddLFTagsToResource",
          "lakeformation:GetLFTag",
          "lakeformation:GetResourceLFTags",
          "lakeformation:RemoveLFTagsFromResource",
        ]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
      {
        sid = "Grant"
        actions = [
          "lakeformation:BatchGrantPermissions",
          "lakeformation:DescribeResource",
          "lakeformation:GrantPermissions",
          "lakeformation:ListPermissions",
        ]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
    ],
    local.hold_back_statements,
    local.ledger_statements,
    local.cross_account_grant_statements,
  )
}
