# The mesh's only store of truth: domains, products and tables, access requests with their decisions, grants,
# and the business keys that make commands idempotent.

resource "aws_dynamodb_table" "registry" {
  #checkov:skip=CKV_AWS_119:the key aws/dynamodb is enough: the table holds names and decisions, no data of any product, and never leaves this account
  name                        = "${var.prefix}-registry"
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

  attribute {
    name = "list_pk"
    type = "S"
  }

  attribute {
    name = "list_sk"
    type = "S"
  }

  # What is listed for people: domains by name, the requests and grants of a domain. Only these records are in it, and
  # no workflow decides on what it says, because it follows the table with a delay.
  global_secondary_index {
    name            = "listing"
    hash_key        = "list_pk"
    range_key       = "list_sk"
    projection_type = "ALL"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }

  lifecycle {
    precondition {
      condition     = (var.organization_id != null) != (length(var.domain_account_ids) > 0)
      error_message = "Give exactly one of organization_id and domain_account_ids: it says whose accounts may join the mesh."
    }
  }
}
