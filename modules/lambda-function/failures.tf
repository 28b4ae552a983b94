# Lambda itself retries an asynchronous invocation; EventBridge has done its work by then.
module "failure_queue" {
  source = "../dead-letter-queue"
  count  = var.failure_queue_enabled ? 1 : 0

  name             = "${var.name}-failures"
  alarm_topic_arns = var.alarm_topic_arns
}

resource "aws_lambda_function_event_invoke_config" "live" {
  count = var.failure_queue_enabled ? 1 : 0

  function_name                = aws_lambda_function.this.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_event_age_in_seconds = 21600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = module.failure_queue[0].arn
    }
  }
}
