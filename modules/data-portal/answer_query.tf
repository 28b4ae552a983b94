# A person looks at something, or asks what would come of something → an answer. Nothing is changed.

locals {
  answer_query = "${local.name}-answer-query"

  # 1. What it answers
  answer_query_routes = [
    "GET /v1/me",
    "GET /v1/domains",
    "GET /v1/domains/{domain}",
    "GET /v1/products",
    "GET /v1/domains/{domain}/products",
    "GET /v1/domains/{domain}/products/{product}",
    "POST /v1/domains/{domain}/product-plans",
    "GET /v1/domains/{domain}/products/{product}/grants",
    "GET /v1/lf-tags",
    "POST /v1/access-previews",
    "GET /v1/domains/{domain}/access-requests",
    "GET /v1/access-requests/{request_id}",
    "GET /v1/approvals",
    "GET /v1/approvals/{request_id}/{number}",
    "GET /v1/approval-links/{link_id}",
    "GET /v1/domains/{domain}/grants",
    "GET /v1/operations/{correlation_id}",
    "GET /v1/domains/{domain}/executions",
    "GET /v1/executions",
    "GET /v1/executions/{execution_id}",
    "GET /v1/domains/{domain}/events",
    "GET /v1/events",
    "GET /v1/audit",
    "GET /v1/domains/{domain}/audit",
  ]
}

# 2. Function

module "answer_query_function" {
  source = "../lambda-function"

  name               = local.answer_query
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Answers what people ask of the mesh."
  handler            = "datamesh.handlers.answer_query.handler"
  log_retention_days = var.log_retention_days
  memory_size        = 1024 # the search index is a file that is read whole, and CPU comes with memory
  package            = var.lambda_package
  timeout            = 29 # API Gateway waits for 30 seconds

  environment = merge(local.environment, local.search_environment, local.timeline_environment, {
    DOMAIN_TAG_KEY          = var.domain_tag_key
    LEDGER_TABLE            = var.ledger_table_name
    POWERTOOLS_SERVICE_NAME = "answer_query"
    REGISTRY_TABLE          = var.registry_table_name
    SENSITIVE_TAGS          = local.sensitive_tags
    STATE_MACHINE_PREFIX    = "${local.central}-"
  })

  # 3. What it may do: read
  statements = concat(
    [
      {
        sid       = "ReadRegistry"
        actions   = ["dynamodb:GetItem", "dynamodb:Query"]
        resources = [local.arn.registry, local.arn.listing]
      },
      {
        sid       = "ReadLedger"
        actions   = ["dynamodb:Query"]
        resources = [local.arn.ledger]
      },
      {
        sid       = "ReadTimeline"
        actions   = ["dynamodb:GetItem", "dynamodb:Query"]
        resources = [local.arn.timeline]
      },
      {
        sid       = "ReadCatalog"
        actions   = ["glue:GetDatabase", "glue:GetTable"]
        resources = [local.arn.catalog, local.arn.databases, local.arn.tables]
      },
      {
        sid = "ReadTags"
        actions = [
          "lakeformation:GetLFTag",
          "lakeformation:GetResourceLFTags",
          "lakeformation:ListLFTags",
          "lakeformation:ListPermissions",
          "lakeformation:SearchTablesByLFTags",
        ]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
      {
        sid       = "ReadExecutions"
        actions   = ["states:GetExecutionHistory"]
        resources = [local.arn.executions]
      },
    ],
    local.search_reading_statements,
  )
}
