variable "account_id" {
  description = "Id of the account. Given, not looked up, so that every name and policy is known at plan time."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits."
  }
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

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_package.architecture)
    error_message = "lambda_package.architecture must be arm64 or x86_64."
  }
}

variable "administrators" {
  description = "ARNs of IAM roles and users that administer Lake Formation besides the mesh's own functions. Administrators that the account already has stay."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.administrators : can(regex("^arn:[^:*]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "administrators must be ARNs of IAM roles or users, without wildcards."
  }

  validation {
    # Lake Formation takes 30; nine are the mesh's own functions.
    condition     = length(distinct(var.administrators)) <= 21
    error_message = "administrators must be at most 21: Lake Formation takes 30, and the mesh needs nine of them."
  }
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that hear about alarms: failed workflows and functions, events in a dead-letter queue."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[^:]+:sns:", arn))])
    error_message = "alarm_topic_arns must be ARNs of SNS topics (arn:<partition>:sns:…)."
  }
}

variable "approval_link_base_url" {
  description = "Where the links lead that approvers get by mail: <approval_link_base_url>/<link>?signature=<signature>, for example the portal's pages. null: central's own pages. Ticketing systems answer to central's own in any case."
  type        = string
  default     = null

  validation {
    condition     = var.approval_link_base_url == null || can(regex("^https://[^/?#@[:space:]]+(/[^/?#[:space:]]+)*$", var.approval_link_base_url))
    error_message = "approval_link_base_url must be an https address without query, fragment or slash at its end, for example https://portal.example.com/approval-links."
  }
}

variable "approval_requests_per_second" {
  description = "How many requests per second the approval pages take, of all people together; for a moment twice as many."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.approval_requests_per_second >= 1 && var.approval_requests_per_second <= 1000
    error_message = "approval_requests_per_second must be between 1 and 1000."
  }
}

variable "approval_webhook_secret_arn" {
  description = "ARN of the secret `{\"secret\": …}` with which a ticketing system signs the decisions that it reports; null: no ticketing system decides."
  type        = string
  default     = null

  validation {
    condition     = var.approval_webhook_secret_arn == null ? true : can(regex("^arn:[^:]+:secretsmanager:[^:]+:[0-9]{12}:secret:[^*]+$", var.approval_webhook_secret_arn))
    error_message = "approval_webhook_secret_arn must be the ARN of a secret (arn:<partition>:secretsmanager:<region>:<account>:secret:…), or null."
  }
}

variable "cross_account_version" {
  description = "Cross-account version of Lake Formation, the same in every account of the mesh. 5 cannot be taken back."
  type        = string
  default     = "4"
  nullable    = false

  validation {
    condition     = contains(["3", "4", "5"], var.cross_account_version)
    error_message = "cross_account_version must be \"3\", \"4\" or \"5\": older ones cannot share by LF-tags over AWS RAM."
  }
}

variable "deletion_protection" {
  description = "Whether the registry refuses to be deleted until this is set to false and applied."
  type        = bool
  default     = true
  nullable    = false
}

variable "domain_account_ids" {
  description = "The accounts that may be domains of the mesh, where there is no organization to tell. Exactly one of `organization_id` and this is given."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.domain_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "domain_account_ids must be ids of accounts, 12 digits each."
  }
}

variable "domain_tag_key" {
  description = "Key of the LF-tag that says whose a product is. Its values are the domains: registering a domain adds one."
  type        = string
  default     = "lob"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9_][a-z0-9_.:/+@-]{0,49}$", var.domain_tag_key))
    error_message = "domain_tag_key must be lower case, as Lake Formation stores it: 1 to 50 letters, digits or _.:/+@-, the first one a letter, digit or _."
  }
}

variable "lf_tags" {
  description = <<-EOT
    The LF-tags of the mesh besides the domain's, {key => values}: what products, tables and columns may carry, and
    what may be asked for. Values that are taken out of here are removed, unless something carries them or is granted
    by them; the apply then says what. Values that others added stay.
  EOT
  type        = map(list(string))
  default = {
    classification  = ["public", "internal", "confidential", "restricted"]
    confidentiality = ["non-sensitive", "sensitive"]
  }
  nullable = false

  validation {
    condition     = alltrue([for name in concat(keys(var.lf_tags), flatten(values(var.lf_tags))) : name == lower(name)])
    error_message = "lf_tags must be lower case: Lake Formation stores keys and values so, and what looks different would be the same."
  }

  validation {
    condition     = alltrue([for name in concat(keys(var.lf_tags), flatten(values(var.lf_tags))) : can(regex("^[A-Za-z0-9_][A-Za-z0-9_.:/+@-]{0,49}$", name))])
    error_message = "lf_tags must have keys and values of 1 to 50 letters, digits or _.:/+@-, the first one a letter, digit or _."
  }

  validation {
    condition     = alltrue([for values in values(var.lf_tags) : length(values) >= 1 && length(values) <= 1000])
    error_message = "lf_tags must have 1 to 1000 values per key."
  }

  validation {
    condition     = alltrue([for values in values(var.lf_tags) : length(values) == length(distinct(values))])
    error_message = "lf_tags must not name a value of a key twice."
  }

  validation {
    condition     = !contains(keys(var.lf_tags), var.domain_tag_key)
    error_message = "lf_tags must not have the key domain_tag_key: its values are the domains that register."
  }
}

variable "log_level" {
  description = "What the functions log: DEBUG, INFO, WARNING or ERROR."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "log_retention_days" {
  description = "How many days the logs of functions and workflows are kept."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a retention that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
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

  validation {
    condition     = alltrue([for arn in compact(values(var.notification_channels)) : can(regex("^arn:[^:*]+:secretsmanager:[^:*]+:${var.account_id}:secret:[A-Za-z0-9/_+=.@-]+$", arn))])
    error_message = "notification_channels must be ARNs of secrets in this account (arn:<partition>:secretsmanager:<region>:<account>:secret:…)."
  }
}

variable "organization_id" {
  description = "The AWS Organization whose accounts may be domains of the mesh. Exactly one of this and `domain_account_ids` is given."
  type        = string
  default     = null

  validation {
    condition     = var.organization_id == null || can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "organization_id must look like o-exampleorgid: o- and 10 to 32 lower-case letters or digits."
  }
}

variable "prefix" {
  description = "Every name of the mesh begins with it. It is the same in all accounts of a mesh; meshes with different prefixes can share an account."
  type        = string
  default     = "datamesh"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}$", var.prefix))
    error_message = "prefix must have 2 to 19 lower-case letters, digits or dashes and start with a letter."
  }
}

variable "reconcile_heal" {
  description = <<-EOT
    What is done when Lake Formation grants something else than it should:
    * `report`: nothing but tell it.
    * `missing`: grant and filter again what is missing or differs; who may read too much is told only.
    * `all`: take back, too, what nobody granted in the mesh.
  EOT
  type        = string
  default     = "missing"
  nullable    = false

  validation {
    condition     = contains(["report", "missing", "all"], var.reconcile_heal)
    error_message = "reconcile_heal must be report, missing or all."
  }
}

variable "reconcile_interval" {
  description = "How often what is granted is compared with what should be, for example `30 minutes`, `1 hour` or `1 day`."
  type        = string
  default     = "1 hour"
  nullable    = false

  validation {
    # EventBridge Scheduler wants the singular for one, and for one only.
    condition     = can(regex("^(1 (hour|day)|([2-9]|[1-9][0-9]{1,2}) (hours|days)|[1-9][0-9]{1,2} minutes)$", var.reconcile_interval))
    error_message = "reconcile_interval must be at least 10 minutes, like \"30 minutes\", \"1 hour\", \"6 hours\" or \"1 day\"."
  }
}

variable "sensitive_tags" {
  description = "LF-tags that make sensitive what carries them, {key => values} out of `lf_tags`: it is never granted without an approval."
  type        = map(list(string))
  default = {
    classification  = ["confidential", "restricted"]
    confidentiality = ["sensitive"]
  }
  nullable = false

  validation {
    condition     = alltrue([for key, values in var.sensitive_tags : length(setsubtract(values, lookup(var.lf_tags, key, []))) == 0])
    error_message = "sensitive_tags must be keys and values that lf_tags has."
  }
}
