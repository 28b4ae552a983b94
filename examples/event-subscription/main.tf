# Any team can act on what happens in the mesh, in its own configuration and without asking the platform: here a domain's
# people get a mail for every access that their account was given, and a queue keeps what was rejected.

provider "aws" {
  region = "eu-west-1"
}

resource "aws_sns_topic" "access_granted" {
  name              = "sales-access-granted"
  kms_master_key_id = "alias/aws/sns"
}

module "access_granted" {
  source = "../../modules/event-subscription"

  name           = "sales-access-granted"
  account_id     = var.account_id
  description    = "Tells the sales team what it was given access to."
  event_bus_name = "datamesh-domain"
  event_pattern = jsonencode({
    source      = ["datamesh.central"]
    detail-type = ["DataProductAccessGranted"]
  })

  # A sentence instead of the event.
  input_transformer = {
    input_paths = {
      domain  = "$.detail.data.product.domain"
      product = "$.detail.data.product.name"
    }
    input_template = "\"You may now read <product> of <domain>.\""
  }

  target = { sns = { arn = aws_sns_topic.access_granted.arn } }
}

resource "aws_sqs_queue" "rejected" {
  name                    = "sales-commands-rejected"
  sqs_managed_sse_enabled = true
}

module "rejected" {
  source = "../../modules/event-subscription"

  name           = "sales-commands-rejected"
  account_id     = var.account_id
  description    = "Keeps what central rejected, with its reason."
  event_bus_name = "datamesh-domain"
  event_pattern = jsonencode({
    source      = ["datamesh.central"]
    detail-type = ["CommandRejected"]
  })
  target = { sqs = { arn = aws_sqs_queue.rejected.arn } }
}
