# What was answered to a request with an idempotency key, for as long as it may be sent again.

locals {
  idempotency_table = "${var.prefix}-idempotency"

  # What every function that changes something is told, and may do besides its own.
  idempotency_environment = {
    IDEMPOTENCY_TABLE = aws_dynamodb_table.idempotency.name
  }

  # https://docs.powertools.aws.dev/lambda/python/latest/utilities/idempotency/#required-resources
  idempotency_statements = [
    {
      sid = "AnswerOnce"
      actions = [
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
      ]
      resources = [local.arn.idempotency]
    },
  ]
}

resource "aws_dynamodb_table" "idempotency" {
  #checkov:skip=CKV_AWS_119:the key aws/dynamodb is enough: the table holds answers of the API, which never leave this account
  #checkov:skip=CKV_AWS_28:an answer is of use for a day; without it a request is told that its command came twice
  name         = local.idempotency_table
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  server_side_encryption {
    enabled = true
  }

  ttl {
    attribute_name = "expiration"
    enabled        = true
  }
}
