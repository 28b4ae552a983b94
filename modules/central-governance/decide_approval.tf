# A person opens the link in a mail, or a ticketing system reports a decision → the vote on a request for access.

locals {
  decide_approval    = "${local.name}-decide-approval"
  approval_key_alias = "alias/${local.name}-approval-links"

  # Links are below this, unless approval_link_base_url says otherwise:
  # https://<api>.execute-api.<region>.amazonaws.com/approvals/<link>?signature=<signature>
  approval_base_url = "${aws_apigatewayv2_api.approvals.api_endpoint}/approvals"

  approval_webhook_statements = var.approval_webhook_secret_arn == null ? [] : [
    {
      sid        = "ReadTicketingSecret"
      actions    = ["secretsmanager:GetSecretValue"]
      resources  = [var.approval_webhook_secret_arn]
      conditions = []
    },
    {
      sid       = "DecryptTicketingSecret"
      actions   = ["kms:Decrypt"]
      resources = ["arn:${local.partition}:kms:${local.region}:${var.account_id}:key/*"] # whichever key the secret has; its key policy decides
      conditions = [
        { test = "StringEquals", variable = "kms:ViaService", values = ["secretsmanager.${local.region}.${local.dns_suffix}"] },
        { test = "StringEquals", variable = "kms:EncryptionContext:SecretARN", values = [var.approval_webhook_secret_arn] },
      ]
    },
  ]
}

# 1. Key of the links. It never leaves KMS, and nobody may use it but the two functions that have to: what is signed is
# the right to decide.

data "aws_iam_policy_document" "approval_links_key" {
  #checkov:skip=CKV_AWS_109:a key policy speaks of its own key alone, so * is that key
  #checkov:skip=CKV_AWS_111:a key policy speaks of its own key alone, so * is that key
  #checkov:skip=CKV_AWS_356:a key policy speaks of its own key alone, so * is that key
  statement {
    sid = "ThisAccountManages"
    actions = [
      "kms:CancelKeyDeletion",
      "kms:CreateAlias",
      "kms:DeleteAlias",
      "kms:Describe*",
      "kms:DisableKey",
      "kms:EnableKey",
      "kms:Get*",
      "kms:List*",
      "kms:PutKeyPolicy",
      "kms:ScheduleKeyDeletion",
      "kms:TagResource",
      "kms:UntagResource",
      "kms:UpdateAlias",
      "kms:UpdateKeyDescription",
    ]
    resources = ["*"] # in a key policy: this key

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${var.account_id}:root"]
    }
  }

  dynamic "statement" {
    for_each = {
      SenderSigns   = { action = "kms:GenerateMac", role = "${local.arn.role}-send-notification-function" }
      DeciderChecks = { action = "kms:VerifyMac", role = "${local.arn.role}-decide-approval-function" }
    }

    content {
      sid       = statement.key
      actions   = [statement.value.action]
      resources = ["*"] # in a key policy: this key

      principals {
        type        = "AWS"
        identifiers = ["arn:${local.partition}:iam::${var.account_id}:root"]
      }

      # A condition, because a key policy cannot name a role that is not there yet.
      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = [statement.value.role]
      }
    }
  }
}

resource "aws_kms_key" "approval_links" {
  description              = "Signs the links by which people decide on requests for access."
  customer_master_key_spec = "HMAC_256"
  deletion_window_in_days  = 30
  key_usage                = "GENERATE_VERIFY_MAC"
  policy                   = data.aws_iam_policy_document.approval_links_key.json
}

# By this name the functions know the key.
resource "aws_kms_alias" "approval_links" {
  name          = local.approval_key_alias
  target_key_id = aws_kms_key.approval_links.key_id
}

# 2. The address that the links lead to

resource "aws_apigatewayv2_api" "approvals" {
  name          = "${local.name}-approvals"
  description   = "Pages and webhook by which people decide on requests for access to data."
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "decide_approval" {
  api_id                 = aws_apigatewayv2_api.approvals.id
  integration_type       = "AWS_PROXY"
  integration_uri        = module.decide_approval_function.alias_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 30000
}

# GET and HEAD show and change nothing: mail scanners open every link. POST decides.
resource "aws_apigatewayv2_route" "approvals" {
  #checkov:skip=CKV_AWS_309:who may decide is in the link: its signature is checked, it is for one person, and it decides once
  for_each = toset([
    "GET /approvals/{link_id}",
    "HEAD /approvals/{link_id}",
    "POST /approvals/webhook",
    "POST /approvals/{link_id}",
  ])

  api_id             = aws_apigatewayv2_api.approvals.id
  route_key          = each.key
  authorization_type = "NONE"
  target             = "integrations/${aws_apigatewayv2_integration.decide_approval.id}"
}

resource "aws_apigatewayv2_stage" "approvals" {
  api_id      = aws_apigatewayv2_api.approvals.id
  name        = "$default"
  auto_deploy = true

  # Nobody guesses 256 random bits; this bounds what trying costs.
  default_route_settings {
    throttling_burst_limit = 2 * var.approval_requests_per_second
    throttling_rate_limit  = var.approval_requests_per_second
  }

  # The path and the query are the right to decide: they stay out of the log.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.approvals_access.arn
    format = jsonencode({
      error          = "$context.integrationErrorMessage"
      ip             = "$context.identity.sourceIp"
      requestId      = "$context.requestId"
      requestTime    = "$context.requestTime"
      responseLength = "$context.responseLength"
      route          = "$context.routeKey"
      status         = "$context.status"
      userAgent      = "$context.identity.userAgent"
    })
  }
}

resource "aws_cloudwatch_log_group" "approvals_access" {
  #checkov:skip=CKV_AWS_158:the log has no secret in it: neither paths nor queries
  #checkov:skip=CKV_AWS_338:how long logs are kept is the caller's choice
  # Other names share one resource policy of the account, which has a limit.
  # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
  name              = "/aws/vendedlogs/apigateway/${local.name}-approvals"
  retention_in_days = var.log_retention_days
}

resource "aws_lambda_permission" "decide_approval" {
  statement_id  = "AllowApprovalPages"
  action        = "lambda:InvokeFunction"
  function_name = module.decide_approval_function.function_name
  qualifier     = module.decide_approval_function.alias_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.approvals.execution_arn}/*/*/approvals/*"
}

# 3. Function

module "decide_approval_function" {
  source = "../lambda-function"

  name               = local.decide_approval
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Shows requests for access to those who decide, and takes their votes."
  handler            = "datamesh.handlers.decide_approval.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 29 # API Gateway waits for 30 seconds

  environment = merge(local.environment, local.ledger_environment, {
    APPROVAL_KEY_ID             = local.approval_key_alias
    APPROVAL_WEBHOOK_SECRET_ARN = var.approval_webhook_secret_arn == null ? "" : var.approval_webhook_secret_arn
    POWERTOOLS_SERVICE_NAME     = "decide_approval"
    REGISTRY_TABLE              = aws_dynamodb_table.registry.name
  })

  # 4. What it may do: it is the one function that the internet reaches
  statements = concat(
    [
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
        sid       = "CheckSignature"
        actions   = ["kms:VerifyMac"]
        resources = [aws_kms_key.approval_links.arn]
      },
      {
        sid       = "TellWorkflow"
        actions   = ["states:SendTaskSuccess"]
        resources = ["${local.arn.state_machine}-share-data-product"]
      },
    ],
    local.ledger_statements,
    local.approval_webhook_statements,
  )
}

# 5. What somebody has to look at

resource "aws_cloudwatch_metric_alarm" "approvals_errors" {
  alarm_name          = "${local.name}-approvals-errors"
  alarm_description   = "The approval pages answered with errors: people cannot decide."
  namespace           = "AWS/ApiGateway"
  metric_name         = "5xx"
  dimensions          = { ApiId = aws_apigatewayv2_api.approvals.id }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "approvals_refused" {
  alarm_name          = "${local.name}-approvals-refused"
  alarm_description   = "Many votes were refused: somebody may be trying links, signatures or other people's places. The ledger says who (VoteRefused)."
  namespace           = var.prefix
  metric_name         = "VoteRefused"
  dimensions          = { service = "decide_approval" }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 20
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
