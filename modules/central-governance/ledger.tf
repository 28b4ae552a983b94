# The ledger: what was asked, voted, granted and taken back. Entries are appended, chained by their hashes, and nobody's
# role may update or delete one; the number and the hash of the last one are in the registry.

resource "aws_dynamodb_table" "ledger" {
  #checkov:skip=CKV_AWS_119:the key aws/dynamodb is enough: the table holds names and decisions, no data of any product, and never leaves this account
  name                        = "${var.prefix}-ledger"
  billing_mode                = "PAY_PER_REQUEST"
  deletion_protection_enabled = var.deletion_protection
  hash_key                    = "pk"
  range_key                   = "sk"

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }
}

locals {
  # What every function that decides, grants or takes back is told, and may do besides its own.
  ledger_environment = {
    LEDGER_TABLE = aws_dynamodb_table.ledger.name
  }

  ledger_statements = [
    {
      sid       = "AppendToLedger"
      actions   = ["dynamodb:PutItem"]
      resources = [local.arn.ledger]
    },
  ]
}
