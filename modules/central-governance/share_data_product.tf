# RequestDataProductAccess, ExtendDataProductAccess, WidenDataProductAccess → columns and rows of tables, or a tag
# expression, granted to the consumer's account or to the named principals: at once where the approval policy says so, else
# when the people that it names have agreed.

locals {
  share_data_product = "${local.name}-share-data-product"
}

# 1. Pattern and workflow

module "share_data_product" {
  source = "../workflow"

  name               = local.share_data_product
  account_id         = var.account_id
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Decides on a request for access, waits for people where the policy says so, and grants it."
  function_arns      = [module.share_data_product_function.alias_arn]
  log_retention_days = var.log_retention_days
  publish_bus_arn    = local.arn.bus

  trigger = {
    event_bus_name = module.event_bus.name
    event_pattern = jsonencode({
      # detail-type stands in the alternatives alone: EventBridge does not take a field both inside and outside $or.
      "$or" = [
        { source = [local.domain_source], detail-type = ["ExtendDataProductAccess", "RequestDataProductAccess"] },
        # People by the API, and central itself, which alone asks to show more by what stands.
        {
          source      = [local.central_source]
          account     = [var.account_id]
          detail-type = ["ExtendDataProductAccess", "RequestDataProductAccess", "WidenDataProductAccess"]
        },
      ]
    })
  }

  definition = templatefile("${path.module}/share_data_product.asl.json", {
    event_bus_arn = local.arn.bus
    function_arn  = module.share_data_product_function.alias_arn
    partition     = local.partition
  })
}

# 2. Function

module "share_data_product_function" {
  source = "../lambda-function"

  name               = local.share_data_product
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Takes a request for access, its extension or widening through its steps."
  handler            = "datamesh.handlers.share_data_product.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 300

  environment = merge(
    local.environment,
    local.ledger_environment,
    local.lf_tag_environment,
    local.outbox_environment,
    local.schedule_environment,
    {
      APPROVAL_TOPIC_ARN      = local.arn.approval_topic
      POWERTOOLS_SERVICE_NAME = "share_data_product"
      REGISTRY_TABLE          = aws_dynamodb_table.registry.name
    },
  )

  # 3. What it may do, in the order in which it does it
  statements = concat(
    [
      {
        sid = "RecordRequest"
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
        sid       = "ReadSensitivity"
        actions   = ["glue:GetDatabase", "glue:GetTable"]
        resources = [local.arn.catalog, local.arn.databases, local.arn.tables]
      },
      {
        sid       = "FindWhatMatches"
        actions   = ["lakeformation:GetLFTag", "lakeformation:GetResourceLFTags", "lakeformation:SearchTablesByLFTags"]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
      {
        sid       = "AnswerAgain"
        actions   = ["states:SendTaskSuccess"]
        resources = ["${local.arn.state_machine}-share-data-product"]
      },
      {
        sid = "ShowColumnsAndRows"
        actions = [
          "lakeformation:CreateDataCellsFilter",
          "lakeformation:DeleteDataCellsFilter",
          "lakeformation:GetDataCellsFilter",
          "lakeformation:UpdateDataCellsFilter",
        ]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
      {
        sid = "Grant"
        actions = [
          "lakeformation:BatchGrantPermissions",
          "lakeformation:BatchRevokePermissions",
          "lakeformation:GrantPermissions",
          "lakeformation:ListPermissions",
          "lakeformation:RevokePermissions",
        ]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
    ],
    local.cross_account_grant_statements,
    local.ledger_statements,
    local.outbox_statements,
    local.schedule_statements,
  )
}
