# What ends by itself: one-time schedules, made by the function that grants and removed by the one that revokes, which put
# ExpireDataProductAccess on this bus and then delete themselves. The group, the role and the queue are made here, because no
# workflow may create roles.

locals {
  # What a function needs to keep schedules: those of the group alone, and only with the group's own role.
  schedule_statements = [
    {
      sid       = "KeepSchedules"
      actions   = ["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"]
      resources = [local.arn.schedules]
    },
    {
      sid       = "PassScheduleRole"
      actions   = ["iam:PassRole"]
      resources = [local.arn.schedule_role]
      conditions = [{
        test     = "StringEquals"
        variable = "iam:PassedToService"
        values   = ["scheduler.amazonaws.com"]
      }]
    },
  ]

  schedule_environment = {
    EVENT_BUS_ARN     = local.arn.bus
    SCHEDULE_DLQ_ARN  = local.arn.schedule_dlq
    SCHEDULE_GROUP    = aws_scheduler_schedule_group.this.name
    SCHEDULE_ROLE_ARN = local.arn.schedule_role
  }
}

resource "aws_scheduler_schedule_group" "this" {
  name = local.name
}

data "aws_iam_policy_document" "schedule_trust" {
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
      values   = ["arn:${local.partition}:scheduler:${local.region}:${var.account_id}:schedule-group/${local.name}"]
    }
  }
}

data "aws_iam_policy_document" "schedule" {
  statement {
    sid       = "SayThatTimeIsUp"
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
      values   = ["ExpireDataProductAccess"]
    }
  }

  statement {
    sid       = "KeepWhatCouldNotBeSaid"
    actions   = ["sqs:SendMessage"]
    resources = [local.arn.schedule_dlq]
  }
}

resource "aws_iam_role" "schedule" {
  name               = local.schedule_role_name
  description        = "EventBridge Scheduler says with it that the time of an access is over."
  assume_role_policy = data.aws_iam_policy_document.schedule_trust.json
}

resource "aws_iam_role_policy" "schedule" {
  name   = "put-expiry-on-central-bus"
  role   = aws_iam_role.schedule.name
  policy = data.aws_iam_policy_document.schedule.json
}

module "schedule_dead_letter_queue" {
  source = "../dead-letter-queue"

  name             = "${local.schedule_role_name}-dlq"
  alarm_topic_arns = var.alarm_topic_arns
}
