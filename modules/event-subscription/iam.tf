# A function is invoked by a permission on the function: adding one leaves others as they are. For all
# other targets EventBridge takes a role, for queues and topics too, whose policies are authoritative
# and belong to the queue's or topic's owner.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
locals {
  # What the role may do for each kind of target.
  _target_actions = {
    api_destination = ["events:InvokeApiDestination"]
    event_bus       = ["events:PutEvents"]
    sns             = ["sns:Publish"]
    sqs             = ["sqs:SendMessage"]
    step_functions  = ["states:StartExecution"]
  }

  role_actions = one([for kind, actions in local._target_actions : actions if var.target[kind] != null])

  # The key that encrypts the queue or topic, with the service that uses it.
  _keys = merge(
    var.target.sns == null ? {} : { sns = var.target.sns.kms_key_arn },
    var.target.sqs == null ? {} : { sqs = var.target.sqs.kms_key_arn },
  )
  keys = { for service, arn in local._keys : service => arn if arn != null }
}

data "aws_iam_policy_document" "trust" {
  count = local.role_actions == null ? 0 : 1

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.this.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

resource "aws_iam_role" "events" {
  count = local.role_actions == null ? 0 : 1

  name               = "${var.name}-events"
  description        = "Lets the rule ${var.name} reach its target."
  assume_role_policy = data.aws_iam_policy_document.trust[0].json
}

data "aws_iam_policy_document" "events" {
  count = local.role_actions == null ? 0 : 1

  statement {
    sid       = "ReachTarget"
    actions   = local.role_actions
    resources = [local.target_arn]
  }

  dynamic "statement" {
    for_each = local.keys

    content {
      sid       = "EncryptForTarget"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "events" {
  count = local.role_actions == null ? 0 : 1

  name   = "events"
  role   = aws_iam_role.events[0].name
  policy = data.aws_iam_policy_document.events[0].json
}

resource "aws_lambda_permission" "this" {
  count = var.target.lambda == null ? 0 : 1

  statement_id   = var.name
  action         = "lambda:InvokeFunction"
  function_name  = join(":", slice(split(":", var.target.lambda.arn), 0, 7))
  qualifier      = try(split(":", var.target.lambda.arn)[7], null)
  principal      = "events.amazonaws.com"
  source_account = var.account_id
  source_arn     = aws_cloudwatch_event_rule.this.arn
}
