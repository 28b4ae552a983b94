# What EventBridge could not start has alarms of its own, in the trigger.
resource "aws_cloudwatch_metric_alarm" "executions" {
  for_each = {
    aborted   = { metric = "ExecutionsAborted", description = "Executions of the workflow ${var.name} were aborted." }
    failed    = { metric = "ExecutionsFailed", description = "Executions of the workflow ${var.name} failed." }
    timed-out = { metric = "ExecutionsTimedOut", description = "Executions of the workflow ${var.name} timed out." }
  }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/States"
  metric_name         = each.value.metric
  dimensions          = { StateMachineArn = aws_sfn_state_machine.this.arn }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
