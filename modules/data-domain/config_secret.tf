# What central has to know about this domain, and only central's function that registers domains may read.
# RegisterDataDomain carries the secret's ARN; that it lies in the sender's own account is part of the proof of who asks.

data "aws_iam_policy_document" "config_key" {
  #checkov:skip=CKV_AWS_109:a key policy speaks of its own key alone, so * is that key
  #checkov:skip=CKV_AWS_111:a key policy speaks of its own key alone, so * is that key
  #checkov:skip=CKV_AWS_356:a key policy speaks of its own key alone, so * is that key
  statement {
    sid       = "ThisAccountManages"
    actions   = ["kms:*"] # without it the key could end up managed by nobody; IAM of this account decides further
    resources = ["*"]     # in a key policy: this key

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${var.account_id}:root"]
    }
  }

  statement {
    sid       = "CentralReadsTheSecret"
    actions   = ["kms:Decrypt"]
    resources = ["*"] # in a key policy: this key

    principals {
      type        = "AWS"
      identifiers = [local.central.root_arn]
    }

    # The account with this condition, rather than the role as principal: so the domain can be applied before
    # central, and a role that was made anew keeps its access.
    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [local.central.register_domain_role_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${local.region}.${local.dns_suffix}"]
    }
  }
}

resource "aws_kms_key" "config" {
  description             = "Encrypts the ${local.name}-config secret."
  deletion_window_in_days = var.key_deletion_window_days
  enable_key_rotation     = true
  policy                  = data.aws_iam_policy_document.config_key.json
}

resource "aws_kms_alias" "config" {
  name          = "alias/${local.name}-config"
  target_key_id = aws_kms_key.config.key_id
}

resource "aws_secretsmanager_secret" "config" {
  #checkov:skip=CKV2_AWS_57:nothing in it is a credential that could be rotated
  name                    = "${local.name}-config"
  description             = "What central governance has to know about the domain ${var.domain}."
  kms_key_id              = aws_kms_key.config.arn
  recovery_window_in_days = var.config_secret_recovery_days
}

resource "aws_secretsmanager_secret_version" "config" {
  secret_id = aws_secretsmanager_secret.config.id
  secret_string = jsonencode({
    version            = 1
    account_id         = var.account_id
    approval_topic_arn = aws_sns_topic.approvals.arn
    bucket             = module.lake_storage.products.bucket
    data_stewards      = var.data_stewards
    domain             = var.domain
    event_bus_arn      = local.arn.bus
    kms_key_arn        = module.lake_storage.kms_key_arn
    prefix             = module.lake_storage.products.prefix
    product_owners     = var.product_owners
    region             = local.region
  })
}

data "aws_iam_policy_document" "config_secret" {
  statement {
    sid       = "CentralReadsTheSecret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["*"] # in a secret's policy: this secret

    principals {
      type        = "AWS"
      identifiers = [local.central.root_arn]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [local.central.register_domain_role_arn]
    }
  }
}

resource "aws_secretsmanager_secret_policy" "config" {
  secret_arn          = aws_secretsmanager_secret.config.arn
  block_public_policy = true
  policy              = data.aws_iam_policy_document.config_secret.json
}
