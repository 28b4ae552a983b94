resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = {
    errors    = "The function ${var.name} failed."
    throttles = "Executions of the function ${var.name} were throttled."
  }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value
  namespace           = "AWS/Lambda"
  metric_name         = title(each.key)
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
