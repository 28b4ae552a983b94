resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:Executions are reserved where the caller asks for it; a reservation takes from the account's limit.
  #checkov:skip=CKV_AWS_116:An asynchronous invocation that failed goes to the on-failure destination, which says more than a dead-letter queue.
  #checkov:skip=CKV_AWS_117:The function calls only AWS APIs; a VPC would add cost and cold starts, and protect nothing.
  #checkov:skip=CKV_AWS_173:The environment has names and ARNs, no secrets; a key of the caller's can be given.
  #checkov:skip=CKV_AWS_272:The package is pinned by its hash; a signing profile is the platform's choice.
  function_name                  = var.name
  description                    = var.description
  role                           = aws_iam_role.this.arn
  handler                        = var.handler
  runtime                        = var.package.runtime
  architectures                  = [var.package.architecture]
  filename                       = var.package.path
  source_code_hash               = var.package.source_code_hash == null ? filebase64sha256(var.package.path) : var.package.source_code_hash
  publish                        = true
  memory_size                    = var.memory_size
  timeout                        = var.timeout
  reserved_concurrent_executions = var.reserved_concurrent_executions == null ? -1 : var.reserved_concurrent_executions
  kms_key_arn                    = var.kms_key_arn

  dynamic "environment" {
    for_each = length(var.environment) > 0 ? [var.environment] : []

    content {
      variables = environment.value
    }
  }

  tracing_config {
    mode = "Active"
  }

  # Lambda makes the log group itself, without a retention, when it comes first; and a function that may
  # not do yet what it is for fails on its first event.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

# Callers invoke the alias, so that a deployment switches them all at once to a version that is whole.
resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "The version that callers invoke."
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}
