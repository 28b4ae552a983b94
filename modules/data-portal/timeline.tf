# What happened, for people to look at: every event of the mesh and every execution in central. Not the truth, which the
# registry and the ledger hold: its items expire.

locals {
  timeline_table = "${var.prefix}-timeline"

  timeline_environment = {
    TIMELINE_DAYS  = var.timeline_days
    TIMELINE_TABLE = aws_dynamodb_table.timeline.name
  }
}

resource "aws_dynamodb_table" "timeline" {
  #checkov:skip=CKV_AWS_119:the key aws/dynamodb is enough: the table holds names and decisions, no data of any product, and never leaves this account
  name                        = local.timeline_table
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

  # Nothing else remembers it.
  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }
}
