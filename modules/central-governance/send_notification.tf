# A message in the outbox → a mail, a Slack message or a signed document for a ticketing system. A message that no channel
# takes comes again, and in the end waits in the outbox's dead-letter queue.

locals {
  send_notification = "${local.name}-send-notification"

  # The channels' secrets, and the keys behind them; both may be missing.
  channel_secret_arns = distinct(compact([var.notification_channels.slack_secret_arn, var.notification_channels.webhook_secret_arn]))
  channel_statements = length(local.channel_secret_arns) == 0 ? [] : [
    {
      sid        = "ReadChannels"
      actions    = ["secretsmanager:GetSecretValue"]
      resources  = local.channel_secret_arns
      conditions = []
    },
    {
      sid       = "DecryptChannels"
      actions   = ["kms:Decrypt"]
      resources = ["arn:${local.partition}:kms:${local.region}:${var.account_id}:key/*"] # whichever keys the secrets have; their key policies decide
      conditions = [
        { test = "StringEquals", variable = "kms:ViaService", values = ["secretsmanager.${local.region}.${local.dns_suffix}"] },
        { test = "StringEquals", variable = "kms:EncryptionContext:SecretARN", values = local.channel_secret_arns },
      ]
    },
  ]
}

# 1. Queue and function

resource "aws_lambda_event_source_mapping" "send_notification" {
  event_source_arn        = aws_sqs_queue.notifications.arn
  function_name           = module.send_notification_function.alias_arn
  batch_size              = 5 # each may wait for a channel, and all share the function's time
  function_response_types = ["ReportBatchItemFailures"]

  # Channels limit what they take; Slack's webhooks one message per second.
  scaling_config {
    maximum_concurrency = 2
  }
}

module "send_notification_function" {
  source = "../lambda-function"

  name               = local.send_notification
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Tells people of requests for access: by mail, Slack and signed webhook."
  handler            = "datamesh.handlers.send_notification.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = local.send_notification_timeout

  environment = merge(local.environment, {
    APPROVAL_BASE_URL       = local.approval_base_url
    APPROVAL_KEY_ID         = local.approval_key_alias
    APPROVAL_LINK_BASE_URL  = var.approval_link_base_url != null ? var.approval_link_base_url : local.approval_base_url
    NOTIFICATION_CHANNELS   = jsonencode(var.notification_channels)
    POWERTOOLS_SERVICE_NAME = "send_notification"
    REGISTRY_TABLE          = aws_dynamodb_table.registry.name
  })

  # 2. What it may do, in the order in which it does it
  statements = concat(
    [
      {
        sid        = "TakeMessages"
        actions    = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        resources  = [local.arn.notifications]
        conditions = []
      },
      {
        # The request, its stages, and what was told of it; neither the policy nor domains, products or grants.
        sid       = "ReadRequest"
        actions   = ["dynamodb:GetItem"]
        resources = [local.arn.registry]
        conditions = [
          { test = "ForAllValues:StringLike", variable = "dynamodb:LeadingKeys", values = ["REQUEST#*"] },
        ]
      },
      {
        sid       = "RecordMessageAndLink"
        actions   = ["dynamodb:PutItem"]
        resources = [local.arn.registry]
        conditions = [
          { test = "ForAllValues:StringLike", variable = "dynamodb:LeadingKeys", values = ["LINK#*", "REQUEST#*"] },
        ]
      },
      {
        sid        = "SignLink"
        actions    = ["kms:GenerateMac"]
        resources  = [aws_kms_key.approval_links.arn]
        conditions = []
      },
      {
        sid        = "MailPolicyGroups"
        actions    = ["sns:Publish"]
        resources  = [local.arn.approval_topic]
        conditions = []
      },
      {
        sid       = "EncryptForPolicyGroups"
        actions   = ["kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"]
        resources = [aws_kms_key.approvals.arn]
        conditions = [
          { test = "StringEquals", variable = "kms:ViaService", values = ["sns.${local.region}.${local.dns_suffix}"] },
        ]
      },
      {
        sid        = "MailDomains"
        actions    = ["sns:Publish"]
        resources  = ["arn:${local.partition}:sns:${local.region}:*:${local.domain_bus_name}-approvals"] # any account's, as far as the condition lets it
        conditions = [merge({ test = "StringEquals" }, local.in_domain_account)]
      },
      {
        sid       = "EncryptForDomains"
        actions   = ["kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"]
        resources = ["arn:${local.partition}:kms:${local.region}:*:key/*"] # key ids are random and the domains' own; their key policies decide
        conditions = [
          { test = "StringEquals", variable = "kms:ViaService", values = ["sns.${local.region}.${local.dns_suffix}"] },
          merge({ test = "StringEquals" }, local.in_domain_account),
        ]
      },
    ],
    local.channel_statements,
  )
}
