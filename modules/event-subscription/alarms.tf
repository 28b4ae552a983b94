# FailedInvocations: given up after all retries. InvocationsFailedToBeSentToDlq: lost, even the
# dead-letter queue did not take the event.
resource "aws_cloudwatch_metric_alarm" "delivery" {
  for_each = {
    lost        = { metric = "InvocationsFailedToBeSentToDlq", description = "Events of the rule ${var.name} are lost: the dead-letter queue did not take them." }
    undelivered = { metric = "FailedInvocations", description = "Events of the rule ${var.name} could not be delivered." }
  }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/Events"
  metric_name         = each.value.metric
  dimensions          = local.rule_dimensions
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching" # EventBridge emits these metrics only when they are not zero
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
