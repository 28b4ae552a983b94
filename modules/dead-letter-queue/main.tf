data "aws_partition" "current" {}

locals {
  # A queue's policy speaks of this queue only. Composed, so that the queue can be made with its policy: as a resource of
  # its own the policy takes as long again as the queue, because the provider waits until SQS shows it everywhere.
  arn = "arn:${data.aws_partition.current.partition}:sqs:*:*:${var.name}"
}

resource "aws_sqs_queue" "this" {
  name                      = var.name
  message_retention_seconds = 1209600 # 14 days, the longest: somebody has to look first
  policy                    = data.aws_iam_policy_document.queue.json
  sqs_managed_sse_enabled   = true
}

data "aws_iam_policy_document" "queue" {
  statement {
    sid       = "DenyInsecureTransport"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [local.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = length(var.source_arns) > 0 ? [var.source_arns] : []

    content {
      sid       = "TakeUndeliveredEvents"
      actions   = ["sqs:SendMessage"]
      resources = [local.arn]

      principals {
        type        = "Service"
        identifiers = ["events.amazonaws.com"]
      }

      condition {
        test     = "ArnLike"
        variable = "aws:SourceArn"
        values   = statement.value
      }
    }
  }
}
