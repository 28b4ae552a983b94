# How central tells a domain something: it publishes on its own bus, and the domain's routing rule, made when the
# domain registers (one rule per domain, see register_data_domain), hands the event on to the domain's bus.
# EventBridge drops what was forwarded once already, so a domain's own events never travel on from here.
# The role and the queue are shared by all routing rules and made here, because no workflow may create roles.

data "aws_iam_policy_document" "routing_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [local.arn.routing_rules]
    }
  }
}

data "aws_iam_policy_document" "routing" {
  statement {
    sid       = "TellDomains"
    actions   = ["events:PutEvents"]
    resources = ["arn:${local.partition}:events:${local.region}:*:event-bus/${local.domain_bus_name}"] # any account's, as far as the condition lets it

    condition {
      test     = "StringEquals"
      variable = local.in_domain_account.variable
      values   = local.in_domain_account.values
    }
  }
}

resource "aws_iam_role" "routing" {
  name               = local.routing_role_name
  description        = "EventBridge hands on what central tells a domain of the ${var.prefix} mesh with it."
  assume_role_policy = data.aws_iam_policy_document.routing_trust.json
}

resource "aws_iam_role_policy" "routing" {
  name   = "put-events-on-domain-buses"
  role   = aws_iam_role.routing.name
  policy = data.aws_iam_policy_document.routing.json
}

# What could not be handed on waits here: the domain's bus is gone, or its policy does not let central in.
module "routing_dead_letter_queue" {
  source = "../dead-letter-queue"

  name             = "${local.routing_role_name}-dlq"
  alarm_topic_arns = var.alarm_topic_arns
  source_arns      = [local.arn.routing_rules]
}
