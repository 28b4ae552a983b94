variable "account_id" {
  description = "Id of the account that this workspace is applied to; credentials of another one are refused."
  type        = string
  nullable    = false
}

variable "lambda_package" {
  description = <<-EOT
    The zip file that `make package` builds, which every function of the mesh runs from:
    * `architecture`: arm64 or x86_64.
    * `path`: where the zip file is.
    * `runtime`: the Lambda runtime that it was built for.
  EOT
  type = object({
    architecture = optional(string, "arm64")
    path         = string
    runtime      = optional(string, "python3.13")
  })
  nullable = false
}

variable "region" {
  description = "AWS region of the mesh, the same in all its accounts."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, for example eu-west-1."
  }
}

variable "administrators" {
  description = "ARNs of IAM roles and users that administer Lake Formation besides the mesh's own functions. Administrators that the account already has stay."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that hear about alarms."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "approval_policy" {
  description = <<-EOT
    Who has to agree before access is granted; null: people of the producer decide on what is sensitive, all else is
    granted at once. The first of `rules` whose conditions (`when`) all hold decides; what no rule speaks of is refused.
    * `groups`: the policy's own groups of people, each with `email`, `name` and, if any, the `domain` they belong to.
    * `rules`: each with `name`, `description`, conditions on what is `sensitive`, on `classifications`, `producers`,
      `consumers`, `access_modes` and `tags`, its `stages` (each with `name`, `approvers`, `quorum`, `deadline_hours`,
      `on_deadline` and `escalate_to`), `max_duration_days`, `purposes` and `grant_to`.
    * `discovery`: who may find a product: rules with `name`, conditions and `visible_to`, which is ["everyone"],
      ["nobody"] but its own domain, or names of domains. Without a rule that speaks of it everybody may.
    docs/approvals.md explains it by examples.
  EOT
  type = object({
    discovery = optional(list(object({
      description = optional(string)
      name        = string
      visible_to  = list(string)
      when = optional(object({
        classifications = optional(list(string))
        producers       = optional(list(string))
        sensitive       = optional(bool)
        tags            = optional(map(list(string)))
      }), {})
    })), [])
    groups = optional(map(list(object({
      domain = optional(string)
      email  = string
      name   = optional(string)
    }))), {})
    rules = list(object({
      description       = optional(string)
      grant_to          = optional(string)
      max_duration_days = optional(number)
      name              = string
      purposes          = optional(list(string))
      stages = optional(list(object({
        approvers      = list(string)
        deadline_hours = optional(number, 72)
        escalate_to    = optional(list(string), [])
        name           = string
        on_deadline    = optional(string, "deny")
        quorum         = optional(number, 1)
      })), [])
      when = optional(object({
        access_modes    = optional(list(string))
        classifications = optional(list(string))
        consumers       = optional(list(string))
        producers       = optional(list(string))
        sensitive       = optional(bool)
        tags            = optional(map(list(string)))
      }), {})
    }))
  })
  default = null
}

variable "approval_webhook_secret_arn" {
  description = "ARN of the secret with which a ticketing system signs the decisions that it reports; null: no ticketing system decides."
  type        = string
  default     = null
}

variable "assume_role_arn" {
  description = "ARN of the role that Terraform takes in the account; null uses the credentials of the environment."
  type        = string
  default     = null
}

variable "cross_account_version" {
  description = "Cross-account version of Lake Formation, the same in every account of the mesh. 5 cannot be taken back."
  type        = string
  default     = "4"
  nullable    = false
}

variable "delete_data" {
  description = "Whether a destroy deletes the registry too. Apply it before the destroy."
  type        = bool
  default     = false
  nullable    = false
}

variable "domain_account_ids" {
  description = "Ids of the accounts that may be domains of the mesh, where there is no organization to tell. Exactly one of organization_id and this is given."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "domain_tag_key" {
  description = "Key of the LF-tag that says whose a product is. Its values are the domains: registering a domain adds one."
  type        = string
  default     = "lob"
  nullable    = false
}

variable "lf_tags" {
  description = "The LF-tags of the mesh besides the domain's, {key => values}, in lower case. Values taken out of here are removed, unless something carries them or is granted by them."
  type        = map(list(string))
  default = {
    classification  = ["public", "internal", "confidential", "restricted"]
    confidentiality = ["non-sensitive", "sensitive"]
  }
  nullable = false
}

variable "log_level" {
  description = "What the functions log: DEBUG, INFO, WARNING or ERROR."
  type        = string
  default     = "INFO"
  nullable    = false
}

variable "log_retention_days" {
  description = "How many days the logs of functions and workflows are kept."
  type        = number
  default     = 365
  nullable    = false
}

variable "notification_channels" {
  description = <<-EOT
    Where the mesh tells of requests for access besides mail, each a secret in this account; null: there is no such channel.
    * `slack_secret_arn`: `{"url": …}`, an incoming webhook of Slack, or of what understands its messages.
    * `webhook_secret_arn`: `{"url": …, "secret": …}`, a ticketing system, and at least 32 characters to sign with.
    A customer managed key of theirs must let the function's role decrypt.
  EOT
  type = object({
    slack_secret_arn   = optional(string)
    webhook_secret_arn = optional(string)
  })
  default  = {}
  nullable = false
}

variable "organization_id" {
  description = "Id of the AWS Organization whose accounts may be domains of the mesh. Exactly one of this and domain_account_ids is given."
  type        = string
  default     = null
}

variable "portal" {
  description = <<-EOT
    The portal with its API: pages, sign-in, and all that people and pipelines do over it; null: none. docs/portal.md
    goes through it.
    * `allowed_origins`: origins of other pages that may call the API from a browser.
    * `assets_path`: folder with the pages that `make portal` builds, e.g. "../../portal/dist"; null uploads none.
    * `cognito_endpoint`: where browsers sign in, when it is not AWS's own.
    * `custom_domain`: the portal's own domain, with `name` and `certificate_arn` (ACM, in us-east-1).
    * `domains`: domains whose people sign in; each has a group of owners, of stewards and of members.
    * `mfa`: OFF, OPTIONAL or ON; the portal's own pages and the CLI know OFF alone so far.
    * `open_search`: holds the search index instead of a file; `domain_arn` and `endpoint`.
    * `price_class`: from where CloudFront serves the pages.
    * `requests_per_second`: how many requests the API takes, of all people together.
    * `session_hours`: after how many hours people sign in again.
    * `threat_protection`: OFF, AUDIT or ENFORCED; all but OFF cost by the user.
    * `timeline_days`: how many days people can look back at events and executions.
    * `web_acl_arn`: a web ACL of AWS WAF in front of it.
  EOT
  type = object({
    allowed_origins  = optional(list(string), [])
    assets_path      = optional(string)
    cognito_endpoint = optional(string)
    custom_domain = optional(object({
      certificate_arn = string
      name            = string
    }))
    domains = optional(list(string), [])
    mfa     = optional(string, "OFF")
    open_search = optional(object({
      domain_arn = string
      endpoint   = string
    }))
    price_class         = optional(string, "PriceClass_100")
    requests_per_second = optional(number, 50)
    session_hours       = optional(number, 12)
    threat_protection   = optional(string, "OFF")
    timeline_days       = optional(number, 365)
    web_acl_arn         = optional(string)
  })
  default = null
}

variable "prefix" {
  description = "Every name of the mesh begins with it, the same in all its accounts."
  type        = string
  default     = "datamesh"
  nullable    = false
}

variable "reconcile_heal" {
  description = "What is done when Lake Formation grants something else than it should: report it, grant again what is missing, or all, which takes back too what nobody granted in the mesh."
  type        = string
  default     = "missing"
  nullable    = false
}

variable "reconcile_interval" {
  description = "How often what is granted is compared with what should be, for example `30 minutes`, `1 hour` or `1 day`."
  type        = string
  default     = "1 hour"
  nullable    = false
}

variable "s3_use_path_style" {
  description = "Whether bucket names go into the path of S3's URLs instead of the host name, as the sandbox needs it."
  type        = bool
  default     = false
  nullable    = false
}

variable "sensitive_tags" {
  description = "LF-tags that make sensitive what carries them, {key => values} out of lf_tags: it is never granted without an approval."
  type        = map(list(string))
  default = {
    classification  = ["confidential", "restricted"]
    confidentiality = ["sensitive"]
  }
  nullable = false
}

variable "tags" {
  description = "Tags on everything, {KEY => value}, besides mesh and managed-by."
  type        = map(string)
  default     = {}
  nullable    = false
}
