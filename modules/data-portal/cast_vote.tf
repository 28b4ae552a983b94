# A person who is signed in decides → the vote on a request for access, as over a link in a mail.

locals {
  cast_vote = "${local.name}-cast-vote"

  # 1. What it answers
  cast_vote_routes = [
    "POST /v1/approvals/{request_id}/{number}/decision",
  ]
}

# 2. Function

module "cast_vote_function" {
  source = "../lambda-function"

  name               = local.cast_vote
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Takes the votes of people who are signed in."
  handler            = "datamesh.handlers.cast_vote.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 29 # API Gateway waits for 30 seconds

  environment = merge(local.environment, local.idempotency_environment, {
    LEDGER_TABLE            = var.ledger_table_name
    POWERTOOLS_SERVICE_NAME = "cast_vote"
    REGISTRY_TABLE          = var.registry_table_name
  })

  # 3. What it may do, in the order in which it does it: the same as decide_approval
  statements = concat(local.idempotency_statements, [
    {
      sid       = "ReadRequest"
      actions   = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:Query"]
      resources = [local.arn.registry]
    },
    {
      # Neither the policy, nor domains, products or grants.
      sid       = "RecordVote"
      actions   = ["dynamodb:DeleteItem", "dynamodb:PutItem"]
      resources = [local.arn.registry]
      conditions = [{
        test     = "ForAllValues:StringLike"
        variable = "dynamodb:LeadingKeys"
        values   = ["LEDGER", "LINK#*", "OPENAPPROVALS", "REQUEST#*"]
      }]
    },
    {
      sid       = "AppendToLedger"
      actions   = ["dynamodb:PutItem"]
      resources = [local.arn.ledger]
    },
    {
      sid       = "TellWorkflow"
      actions   = ["states:SendTaskSuccess"]
      resources = ["${local.arn.state_machine}-share-data-product"]
    },
  ])
}

# 4. What somebody has to look at

resource "aws_cloudwatch_metric_alarm" "votes_refused" {
  alarm_name          = "${local.name}-votes-refused"
  alarm_description   = "Many votes were refused: somebody may be trying other people's places. The ledger says who (VoteRefused)."
  namespace           = var.prefix
  metric_name         = "VoteRefused"
  dimensions          = { service = "cast_vote" }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 20
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
