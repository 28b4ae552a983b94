# The approval policy in the registry, where the flows read it each time they decide. What was decided by another one
# stays as it was: each request keeps what the policy said of it.

resource "aws_dynamodb_table_item" "approval_policy" {
  table_name = aws_dynamodb_table.registry.name
  hash_key   = aws_dynamodb_table.registry.hash_key
  range_key  = aws_dynamodb_table.registry.range_key

  item = jsonencode({
    pk       = { S = "POLICY" }
    sk       = { S = "META" }
    kind     = { S = "policy" }
    version  = { N = "1" }
    document = { S = jsonencode(var.approval_policy) }
  })
}
