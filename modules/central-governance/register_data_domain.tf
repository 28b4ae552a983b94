# RegisterDataDomain → a domain of the mesh: both databases, its LF-tag, the Lake Formation location, the routing rule.

locals {
  register_data_domain = "${local.name}-register-data-domain"
}

# 1. Pattern and workflow

module "register_data_domain" {
  source = "../workflow"

  name               = local.register_data_domain
  account_id         = var.account_id
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Registers a data domain: databases, LF-tag, Lake Formation location, routing rule."
  function_arns      = [module.register_data_domain_function.alias_arn]
  log_retention_days = var.log_retention_days
  publish_bus_arn    = local.arn.bus

  trigger = {
    event_bus_name = module.event_bus.name
    event_pattern = jsonencode({
      "$or"       = local.command_senders
      detail-type = ["RegisterDataDomain"]
    })
  }

  definition = templatefile("${path.module}/register_data_domain.asl.json", {
    event_bus_arn = local.arn.bus
    function_arn  = module.register_data_domain_function.alias_arn
    partition     = local.partition
  })
}

# 2. Function

module "register_data_domain_function" {
  source = "../lambda-function"

  name               = local.register_data_domain
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Takes a RegisterDataDomain command through its steps."
  handler            = "datamesh.handlers.register_data_domain.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 300

  environment = merge(local.environment, local.lf_tag_environment, {
    CATALOG_WRITER_ROLE_ARN = "${local.arn.role}-register-data-product-function"
    EVENT_BUS_NAME          = local.name
    LAKE_ACCESS_ROLE_ARN    = local.arn.lake_access
    POWERTOOLS_SERVICE_NAME = "register_data_domain"
    REGISTRY_TABLE          = aws_dynamodb_table.registry.name
    ROUTING_DLQ_ARN         = local.arn.routing_dlq
    ROUTING_ROLE_ARN        = local.arn.routing_role
  })

  # 3. What it may do, in the order in which it does it
  statements = concat(
    [
      {
        sid       = "RecordDomain"
        actions   = ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
        resources = [local.arn.registry]
      },
      {
        sid        = "ReadConfigSecret"
        actions    = ["secretsmanager:GetSecretValue"]
        resources  = ["arn:${local.partition}:secretsmanager:${local.region}:*:secret:${local.domain_secret}-*"] # the domain's account and six random characters
        conditions = [merge({ test = "StringEquals" }, local.in_domain_account)]
      },
      {
        sid       = "DecryptConfigSecret"
        actions   = ["kms:Decrypt"]
        resources = ["arn:${local.partition}:kms:${local.region}:*:key/*"] # key ids are random and the domains' own; their key policies decide
        conditions = [
          { test = "StringEquals", variable = "kms:ViaService", values = ["secretsmanager.${local.region}.${local.dns_suffix}"] },
          merge({ test = "StringEquals" }, local.in_domain_account),
        ]
      },
      {
        sid        = "CheckBucketOwner"
        actions    = ["s3:ListBucket"]
        resources  = ["arn:${local.partition}:s3:::${local.domain_bus_name}-*"] # the domains' buckets all begin like this
        conditions = [merge({ test = "StringEquals" }, local.in_domain_account)]
      },
      {
        sid       = "RegisterLocation"
        actions   = ["lakeformation:DescribeResource", "lakeformation:RegisterResource"]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
      {
        sid       = "ShowLakeAccessRole"
        actions   = ["iam:GetRole"]
        resources = [local.arn.lake_access]
      },
      {
        sid       = "LendLakeAccessRole"
        actions   = ["iam:PassRole"]
        resources = [local.arn.lake_access]
        conditions = [
          { test = "StringEquals", variable = "iam:PassedToService", values = ["lakeformation.amazonaws.com"] },
        ]
      },
      {
        sid       = "MakeDatabases"
        actions   = ["glue:CreateDatabase", "glue:GetDatabase"]
        resources = [local.arn.catalog, local.arn.databases]
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
      {
        sid       = "SeeWhatInherits"
        actions   = ["glue:GetTable", "glue:GetTables"]
        resources = [local.arn.catalog, local.arn.databases, local.arn.tables]
      },
      {
        sid = "TagDatabase"
        actions = [
          "lakeformation:AddLFTagsToResource",
          "lakeformation:CreateLFTag",
          "lakeformation:GetLFTag",
          "lakeformation:GetResourceLFTags",
          "lakeformation:RemoveLFTagsFromResource",
          "lakeformation:UpdateLFTag",
        ]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
      {
        sid       = "MakeRoutingRule"
        actions   = ["events:PutRule"]
        resources = [local.arn.routing_rules]
      },
      {
        sid       = "AimRoutingRule"
        actions   = ["events:PutTargets"]
        resources = [local.arn.routing_rules]
        conditions = [
          { test = "ForAllValues:ArnLike", variable = "events:TargetArn", values = ["arn:${local.partition}:events:${local.region}:*:event-bus/${local.domain_bus_name}"] },
        ]
      },
      {
        sid       = "LendRoutingRole"
        actions   = ["iam:PassRole"]
        resources = [local.arn.routing_role]
        conditions = [
          { test = "StringEquals", variable = "iam:PassedToService", values = ["events.amazonaws.com"] },
        ]
      },
    ],
    local.cross_account_grant_statements,
  )
}
