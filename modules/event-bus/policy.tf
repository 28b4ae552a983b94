locals {
  # Whom the statement lets in, as one condition. Accounts stand in a condition and not as principals,
  # because a principal takes the room of a whole ARN in a policy of 10,240 characters, and roles too,
  # because a principal that is a role must exist and is lost when the role is made anew.
  # An organization, accounts or roles are never all null here: see the validation of senders.
  _sender_condition = var.senders == null ? null : (
    var.senders.organization_id != null
    ? { test = "StringEquals", variable = "aws:PrincipalOrgID", values = [var.senders.organization_id] }
    : var.senders.account_ids != null
    ? { test = "StringEquals", variable = "aws:PrincipalAccount", values = var.senders.account_ids }
    : { test = "ArnEquals", variable = "aws:PrincipalArn", values = var.senders.role_arns }
  )

  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
  # Not ForAllValues, which AWS's examples use: it also holds for a request without the key.
  sender_conditions = var.senders == null ? [] : [
    local._sender_condition,
    { test = "StringEquals", variable = "events:source", values = var.senders.sources },
    { test = "StringEquals", variable = "events:detail-type", values = var.senders.detail_types },
  ]
}

# One statement, whatever the number of senders: the policy has a limit and the mesh should not.
data "aws_iam_policy_document" "bus" {
  #checkov:skip=CKV_AWS_283:Every principal means the organization, accounts or roles in the conditions.
  count = var.senders == null ? 0 : 1

  statement {
    sid       = "PutEvents"
    actions   = ["events:PutEvents"]
    resources = [aws_cloudwatch_event_bus.this.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"] # everybody whom the conditions let in
    }

    dynamic "condition" {
      for_each = local.sender_conditions

      content {
        test     = condition.value.test
        variable = condition.value.variable
        values   = condition.value.values
      }
    }
  }

  # Identities of the bus's own account need no policy here to put events, so an Allow does not keep them from
  # speaking in the senders' name; a Deny does. It matters where the senders' account and this one are the same.
  dynamic "statement" {
    for_each = var.senders.role_arns == null ? [] : ["forged"]

    content {
      sid       = "DenyForgedSources"
      effect    = "Deny"
      actions   = ["events:PutEvents"]
      resources = [aws_cloudwatch_event_bus.this.arn]

      principals {
        type        = "AWS"
        identifiers = ["*"]
      }

      condition {
        test     = "StringEquals"
        variable = "events:source"
        values   = var.senders.sources
      }

      condition {
        test     = "ArnNotEquals"
        variable = "aws:PrincipalArn"
        values   = var.senders.role_arns
      }
    }
  }
}

resource "aws_cloudwatch_event_bus_policy" "this" {
  count = var.senders == null ? 0 : 1

  event_bus_name = aws_cloudwatch_event_bus.this.name
  policy         = data.aws_iam_policy_document.bus[0].json
}
