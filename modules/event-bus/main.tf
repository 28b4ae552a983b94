data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
}

resource "aws_cloudwatch_event_bus" "this" {
  name               = var.name
  kms_key_identifier = try(var.encryption.kms_key_arn, null)

  dynamic "dead_letter_config" {
    for_each = var.encryption == null ? [] : [module.dead_letter_queue[0].arn]

    content {
      arn = dead_letter_config.value
    }
  }
}

resource "aws_cloudwatch_event_archive" "this" {
  count = var.archive == null ? 0 : 1

  name             = var.name
  event_source_arn = aws_cloudwatch_event_bus.this.arn
  retention_days   = var.archive.retention_days
}

# Only a bus with a customer managed key has events that it can take, but not keep: those that the key
# does not encrypt. What a rule cannot deliver is the business of the rule's own queue.
module "dead_letter_queue" {
  source = "../dead-letter-queue"
  count  = var.encryption == null ? 0 : 1

  name             = "${var.name}-dlq"
  alarm_topic_arns = var.alarm_topic_arns
  # Composed, because the bus needs its queue first.
  source_arns = ["arn:${local.partition}:events:${local.region}:${var.encryption.account_id}:event-bus/${var.name}"]
}
