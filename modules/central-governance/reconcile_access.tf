# ReconcileAccess, which a schedule says → what Lake Formation grants is what should be granted, or somebody hears of it.

locals {
  reconcile_access        = "${local.name}-reconcile-access"
  reconcile_schedule_role = "${local.name}-reconcile-schedule"
}

# 1. Pattern and workflow

module "reconcile_access" {
  source = "../workflow"

  name               = local.reconcile_access
  account_id         = var.account_id
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Compares what is granted with what should be, and mends it."
  function_arns      = [module.reconcile_access_function.alias_arn]
  log_retention_days = var.log_retention_days
  publish_bus_arn    = local.arn.bus

  trigger = {
    event_bus_name = module.event_bus.name
    event_pattern = jsonencode({
      # The schedule, and governance: from this very account.
      account     = [var.account_id]
      detail-type = ["ReconcileAccess"]
      source      = ["datamesh.central"]
    })
  }

  definition = templatefile("${path.module}/reconcile_access.asl.json", {
    event_bus_arn = local.arn.bus
    function_arn  = module.reconcile_access_function.alias_arn
    partition     = local.partition
  })
}

# 2. Schedule

resource "aws_scheduler_schedule_group" "reconcile" {
  name = local.reconcile_access
}

resource "aws_scheduler_schedule" "reconcile" {
  #checkov:skip=CKV_AWS_297:a key that AWS owns is enough: the schedule says only that it is time
  name                = local.reconcile_access
  description         = "Says that it is time to compare what is granted with what should be."
  group_name          = aws_scheduler_schedule_group.reconcile.name
  schedule_expression = "rate(${var.reconcile_interval})"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = local.arn.bus
    role_arn = aws_iam_role.reconcile_schedule.arn
    input    = jsonencode({ data = {} })

    eventbridge_parameters {
      detail_type = "ReconcileAccess"
      source      = "datamesh.central"
    }

    dead_letter_config {
      arn = local.arn.schedule_dlq
    }

    # What is not said within an hour is said by the next one.
    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 20
    }
  }

  # Scheduler tries the role out when it makes the schedule.
  depends_on = [aws_iam_role_policy.reconcile_schedule]
}

data "aws_iam_policy_document" "reconcile_schedule_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }

    # The group, not the schedule: https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:scheduler:${local.region}:${var.account_id}:schedule-group/${local.reconcile_access}"]
    }
  }
}

data "aws_iam_policy_document" "reconcile_schedule" {
  statement {
    sid       = "SayThatItIsTime"
    actions   = ["events:PutEvents"]
    resources = [local.arn.bus]

    condition {
      test     = "StringEquals"
      variable = "events:source"
      values   = ["datamesh.central"]
    }

    condition {
      test     = "StringEquals"
      variable = "events:detail-type"
      values   = ["ReconcileAccess"]
    }
  }

  statement {
    sid       = "KeepWhatCouldNotBeSaid"
    actions   = ["sqs:SendMessage"]
    resources = [local.arn.schedule_dlq]
  }
}

resource "aws_iam_role" "reconcile_schedule" {
  name               = local.reconcile_schedule_role
  description        = "EventBridge Scheduler says with it that it is time to compare what is granted with what should be."
  assume_role_policy = data.aws_iam_policy_document.reconcile_schedule_trust.json
}

resource "aws_iam_role_policy" "reconcile_schedule" {
  name   = "put-reconciliation-on-central-bus"
  role   = aws_iam_role.reconcile_schedule.name
  policy = data.aws_iam_policy_document.reconcile_schedule.json
}

# 3. Function

module "reconcile_access_function" {
  source = "../lambda-function"

  name               = local.reconcile_access
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Compares the grants of some tables at a time, and mends them."
  handler            = "datamesh.handlers.reconcile_access.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 300

  environment = merge(
    local.environment,
    local.ledger_environment,
    local.outbox_environment,
    {
      DOMAIN_TAG_KEY          = var.domain_tag_key
      POWERTOOLS_SERVICE_NAME = "reconcile_access"
      RECONCILE_HEAL          = var.reconcile_heal
      REGISTRY_TABLE          = aws_dynamodb_table.registry.name
    },
  )

  # 4. What it may do, in the order in which it does it
  statements = concat(
    [
      {
        sid = "KnowWhatShouldBe"
        actions = [
          "dynamodb:ConditionCheckItem",
          "dynamodb:DeleteItem",
          "dynamodb:GetItem",
          "dynamodb:PutItem",
          "dynamodb:Query",
          "dynamodb:Scan", # all domains, and all requests
        ]
        resources = [local.arn.registry]
      },
      {
        sid       = "WakeWhoWaits"
        actions   = ["states:SendTaskSuccess"]
        resources = ["${local.arn.state_machine}-share-data-product"]
      },
      {
        sid       = "LookForTables"
        actions   = ["glue:GetTable"]
        resources = [local.arn.catalog, local.arn.databases, local.arn.tables]
      },
      {
        sid = "CompareAndMend"
        actions = [
          "lakeformation:BatchGrantPermissions",
          "lakeformation:BatchRevokePermissions",
          "lakeformation:CreateDataCellsFilter",
          "lakeformation:DeleteDataCellsFilter",
          "lakeformation:GetDataCellsFilter",
          "lakeformation:GrantPermissions",
          "lakeformation:ListDataCellsFilter",
          "lakeformation:ListPermissions",
          "lakeformation:RevokePermissions",
          "lakeformation:UpdateDataCellsFilter",
        ]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
    ],
    local.ledger_statements,
    local.outbox_statements,
    local.cross_account_grant_statements,
  )
}
