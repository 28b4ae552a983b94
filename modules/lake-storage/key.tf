# One key for all layers: who may decrypt what is decided by the buckets' policies.
data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:The account's own administrators manage the key; without this nobody could.
  #checkov:skip=CKV_AWS_111:As above.
  #checkov:skip=CKV_AWS_356:In a key policy * is the key itself.
  statement {
    sid       = "AccountAdministers"
    actions   = ["kms:*"]
    resources = ["*"] # in a key policy: this key

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${var.account_id}:root"]
    }
  }

  dynamic "statement" {
    for_each = length(local.reader_accounts) > 0 ? ["decrypt"] : []

    content {
      sid       = "DecryptProducts"
      actions   = ["kms:Decrypt"]
      resources = ["*"] # in a key policy: this key

      principals {
        type        = "AWS"
        identifiers = [for id in local.reader_accounts : "arn:${local.partition}:iam::${id}:root"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = var.product_reader_role_arns
      }

      # Only while S3 reads an object for the role, and so only what the bucket's policy lets it read.
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${local.region}.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = var.key_statements

    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = ["*"] # in a key policy: this key

      principals {
        type        = "AWS"
        identifiers = statement.value.principals
      }

      dynamic "condition" {
        for_each = statement.value.conditions

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }
}

resource "aws_kms_key" "lake" {
  description             = "Encrypts the lake ${var.name}."
  deletion_window_in_days = var.key_deletion_window_days
  enable_key_rotation     = true
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "lake" {
  name          = "alias/${var.name}-lake"
  target_key_id = aws_kms_key.lake.key_id
}
