# What people are to be told waits in one queue, the outbox, from which send_notification sends it. And the topic over
# which central mails the approval policy's own groups; those of a domain are told over the domain's topic.

locals {
  approval_addresses = toset([for person in flatten(values(var.approval_policy.groups)) : lower(person.email)])

  send_notification_timeout = 60

  # What a function needs to put something into the outbox.
  outbox_statements = [
    {
      sid       = "QueueNotifications"
      actions   = ["sqs:SendMessage"]
      resources = [local.arn.notifications]
    },
  ]

  outbox_environment = {
    # Composed, like every ARN, so that a plan shows whole environments.
    NOTIFICATIONS_QUEUE_URL = "https://sqs.${local.region}.${local.dns_suffix}/${var.account_id}/${local.notifications_name}"
  }
}

# --- Outbox

resource "aws_sqs_queue" "notifications" {
  name                       = local.notifications_name
  message_retention_seconds  = 345600 # 4 days; what is older than an hour is in the dead-letter queue already
  policy                     = data.aws_iam_policy_document.notifications.json
  sqs_managed_sse_enabled    = true
  visibility_timeout_seconds = 6 * local.send_notification_timeout # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html

  redrive_policy = jsonencode({
    deadLetterTargetArn = module.notifications_dead_letter_queue.arn
    maxReceiveCount     = 10 # an hour of a channel that is down
  })
}

data "aws_iam_policy_document" "notifications" {
  statement {
    sid       = "DenyInsecureTransport"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [local.arn.notifications]

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
}

module "notifications_dead_letter_queue" {
  source = "../dead-letter-queue"

  name             = "${local.notifications_name}-dlq"
  alarm_topic_arns = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "notifications_age" {
  alarm_name          = "${local.notifications_name}-age"
  alarm_description   = "People are not told: messages wait in ${local.notifications_name} for more than half an hour."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.notifications.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 1800
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

# --- Mail to the policy's own groups. Each message is for one person and says so in its attribute `approver`; each
# subscription takes its own person's only, because the mail to an approver holds a personal link.

data "aws_iam_policy_document" "approvals_key" {
  #checkov:skip=CKV_AWS_109:a key policy speaks of its own key alone, so * is that key
  #checkov:skip=CKV_AWS_111:a key policy speaks of its own key alone, so * is that key
  #checkov:skip=CKV_AWS_356:a key policy speaks of its own key alone, so * is that key
  statement {
    sid       = "ThisAccountManages"
    actions   = ["kms:*"] # without it the key could end up managed by nobody; IAM of this account decides further
    resources = ["*"]     # in a key policy: this key

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${var.account_id}:root"]
    }
  }
}

resource "aws_kms_key" "approvals" {
  description             = "Encrypts the ${local.name}-approvals topic."
  deletion_window_in_days = 30
  enable_key_rotation     = true
  policy                  = data.aws_iam_policy_document.approvals_key.json
}

resource "aws_kms_alias" "approvals" {
  name          = "alias/${local.name}-approvals"
  target_key_id = aws_kms_key.approvals.key_id
}

resource "aws_sns_topic" "approvals" {
  name              = "${local.name}-approvals"
  display_name      = "Data mesh"
  kms_master_key_id = aws_kms_key.approvals.arn
}

data "aws_iam_policy_document" "approvals" {
  statement {
    sid       = "DenyInsecureTransport"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [local.arn.approval_topic]

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
}

resource "aws_sns_topic_policy" "approvals" {
  arn    = aws_sns_topic.approvals.arn
  policy = data.aws_iam_policy_document.approvals.json
}

# AWS asks each of them by mail to confirm; until then they get nothing.
resource "aws_sns_topic_subscription" "approvals" {
  for_each = local.approval_addresses

  topic_arn     = aws_sns_topic.approvals.arn
  protocol      = "email"
  endpoint      = each.value
  filter_policy = jsonencode({ approver = [each.value] })
}
