# The one role that Lake Formation assumes to read the domains' data, registered for every domain's location.
# Read-only, and useless by itself: each domain's bucket policy and key policy have to name it as well.

data "aws_iam_policy_document" "lake_access_trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:SetContext"]

    principals {
      type        = "Service"
      identifiers = ["lakeformation.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

data "aws_iam_policy_document" "lake_access" {
  statement {
    sid       = "ReadProducts"
    actions   = ["s3:GetObject"]
    resources = ["arn:${local.partition}:s3:::${local.domain_bus_name}-*/*"] # the domains' buckets all begin like this

    condition {
      test     = "StringEquals"
      variable = local.in_domain_account.variable
      values   = local.in_domain_account.values
    }
  }

  statement {
    sid       = "ListProducts"
    actions   = ["s3:ListBucket"]
    resources = ["arn:${local.partition}:s3:::${local.domain_bus_name}-*"] # the domains' buckets all begin like this

    condition {
      test     = "StringEquals"
      variable = local.in_domain_account.variable
      values   = local.in_domain_account.values
    }
  }

  statement {
    sid       = "DecryptProducts"
    actions   = ["kms:Decrypt"]
    resources = ["arn:${local.partition}:kms:${local.region}:*:key/*"] # key ids are random and the domains' own; their key policies decide

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.${local.dns_suffix}"]
    }

    condition {
      test     = "StringEquals"
      variable = local.in_domain_account.variable
      values   = local.in_domain_account.values
    }
  }
}

resource "aws_iam_role" "lake_access" {
  name               = local.lake_access_name
  description        = "Lake Formation reads the data products of the ${var.prefix} mesh with it."
  assume_role_policy = data.aws_iam_policy_document.lake_access_trust.json
}

resource "aws_iam_role_policy" "lake_access" {
  name   = "read-data-products"
  role   = aws_iam_role.lake_access.name
  policy = data.aws_iam_policy_document.lake_access.json
}
