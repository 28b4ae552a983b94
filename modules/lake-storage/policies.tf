# What each layer's bucket lets in, beyond what roles of this account may do by their own policies.
locals {
  # Accounts as principals and roles as a condition: a principal that is a role must exist when the
  # policy is written, and the policy is broken when the role is made anew.
  reader_accounts   = sort(distinct([for arn in var.product_reader_role_arns : split(":", arn)[4]]))
  verifier_accounts = sort(distinct([for arn in var.product_verifier_role_arns : split(":", arn)[4]]))
}

data "aws_iam_policy_document" "layer" {
  for_each = aws_s3_bucket.layer

  statement {
    sid       = "DenyInsecureTransport"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # An object under another key would be lost for everybody whom the data is shared with. A writer that asks for
  # nothing gets the bucket's own key, hence Null: without it, a request that names no key would not equal this one.
  statement {
    sid       = "DenyOtherKeys"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${each.value.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "StringNotEquals"
      variable = "s3:x-amz-server-side-encryption-aws-kms-key-id"
      values   = [aws_kms_key.lake.arn]
    }

    condition {
      test     = "Null"
      variable = "s3:x-amz-server-side-encryption-aws-kms-key-id"
      values   = ["false"]
    }
  }

  statement {
    sid       = "DenyOtherEncryption"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${each.value.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "StringNotEquals"
      variable = "s3:x-amz-server-side-encryption"
      values   = ["aws:kms"]
    }

    condition {
      test     = "Null"
      variable = "s3:x-amz-server-side-encryption"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = each.key == var.products.layer && length(local.reader_accounts) > 0 ? ["read"] : []

    content {
      sid       = "ReadProducts"
      actions   = ["s3:GetObject"]
      resources = ["${each.value.arn}/${var.products.prefix}*"]

      principals {
        type        = "AWS"
        identifiers = [for id in local.reader_accounts : "arn:${local.partition}:iam::${id}:root"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = var.product_reader_role_arns
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == var.products.layer && length(local.reader_accounts) > 0 ? ["list"] : []

    content {
      sid       = "ListProducts"
      actions   = ["s3:ListBucket"]
      resources = [each.value.arn]

      principals {
        type        = "AWS"
        identifiers = [for id in local.reader_accounts : "arn:${local.partition}:iam::${id}:root"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = var.product_reader_role_arns
      }

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = ["${var.products.prefix}*"]
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == var.products.layer && length(local.verifier_accounts) > 0 ? ["verify"] : []

    content {
      sid       = "VerifyProductsBucket"
      actions   = ["s3:GetBucketLocation", "s3:ListBucket"]
      resources = [each.value.arn]

      principals {
        type        = "AWS"
        identifiers = [for id in local.verifier_accounts : "arn:${local.partition}:iam::${id}:root"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = var.product_verifier_role_arns
      }
    }
  }
}

resource "aws_s3_bucket_policy" "layer" {
  for_each = aws_s3_bucket.layer

  bucket = each.value.id
  policy = data.aws_iam_policy_document.layer[each.key].json

  # S3 does not take two changes of these at the same time.
  depends_on = [aws_s3_bucket_public_access_block.layer]
}
