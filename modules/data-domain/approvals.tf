# Who decides on access to this domain's products, and how they hear of it. The topic is the domain's own: central may
# publish on it and no more, and who reads the mail is decided here. Each message is for one person and says so in its
# attribute `approver`; each subscription is one person's and takes nothing else, because the mail to an approver holds
# his personal link.
# https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html

locals {
  approval_addresses = toset([for person in concat(var.product_owners, var.data_stewards) : lower(person.email)])
}

data "aws_iam_policy_document" "approvals_key" {
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

  # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
  statement {
    sid       = "CentralPublishes"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"]
    resources = ["*"] # in a key policy: this key

    principals {
      type        = "AWS"
      identifiers = [local.central.root_arn]
    }

    # The account with this condition, for the reason that config_secret.tf has.
    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [local.central.send_notification_role_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["sns.${local.region}.${local.dns_suffix}"]
    }
  }
}

# AWS's own key for SNS cannot let another account in.
resource "aws_kms_key" "approvals" {
  description             = "Encrypts the ${local.name}-approvals topic."
  deletion_window_in_days = var.key_deletion_window_days
  enable_key_rotation     = true
  policy                  = data.aws_iam_policy_document.approvals_key.json
}

resource "aws_kms_alias" "approvals" {
  name          = "alias/${local.name}-approvals"
  target_key_id = aws_kms_key.approvals.key_id
}

resource "aws_sns_topic" "approvals" {
  name              = "${local.name}-approvals"
  display_name      = "Data mesh ${var.domain}"
  kms_master_key_id = aws_kms_key.approvals.arn
}

data "aws_iam_policy_document" "approvals" {
  statement {
    sid       = "CentralPublishes"
    actions   = ["sns:Publish"]
    resources = [local.arn.approval_topic]

    principals {
      type        = "AWS"
      identifiers = [local.central.root_arn]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [local.central.send_notification_role_arn]
    }
  }

  statement {
    sid       = "DenyInsecureTransport"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [local.arn.approval_topic]

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
}

resource "aws_sns_topic_policy" "approvals" {
  arn    = aws_sns_topic.approvals.arn
  policy = data.aws_iam_policy_document.approvals.json
}

# AWS asks each of them by mail to confirm; until then they get nothing.
resource "aws_sns_topic_subscription" "approvals" {
  for_each = local.approval_addresses

  topic_arn     = aws_sns_topic.approvals.arn
  protocol      = "email"
  endpoint      = each.value
  filter_policy = jsonencode({ approver = [each.value] })
}
