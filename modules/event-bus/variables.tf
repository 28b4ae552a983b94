variable "name" {
  description = "Name of the event bus."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name)) && var.name != "default"
    error_message = "name must have 1 to 64 letters, digits, dashes or underscores, and not be \"default\"."
  }
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that hear about alarms."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[^:]+:sns:", arn))])
    error_message = "alarm_topic_arns must be ARNs of SNS topics (arn:<partition>:sns:…)."
  }
}

variable "archive" {
  description = <<-EOT
    Keeps every event of the bus, so that it can be replayed; null keeps none.
    * `retention_days`: how long; 0 keeps them for ever.
  EOT
  type = object({
    retention_days = optional(number, 30)
  })
  default = null

  validation {
    condition     = var.archive == null ? true : var.archive.retention_days >= 0 && floor(var.archive.retention_days) == var.archive.retention_days
    error_message = "archive.retention_days must be a whole number of days, 0 or more."
  }
}

variable "encryption" {
  description = <<-EOT
    Encrypts the events of the bus with a customer managed key; null uses a key that AWS owns.
    * `account_id`: id of the bus's account.
    * `kms_key_arn`: the key. Events that cannot be encrypted with it go to the queue <name>-dlq.
  EOT
  type = object({
    account_id  = string
    kms_key_arn = string
  })
  default = null

  validation {
    condition     = var.encryption == null ? true : can(regex("^[0-9]{12}$", var.encryption.account_id))
    error_message = "encryption.account_id must have 12 digits."
  }

  validation {
    condition     = var.encryption == null ? true : can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/", var.encryption.kms_key_arn))
    error_message = "encryption.kms_key_arn must be the ARN of a KMS key (arn:<partition>:kms:<region>:<account>:key/…)."
  }
}

variable "senders" {
  description = <<-EOT
    Who outside this account's own roles may put which events on the bus; null lets nobody. Exactly one of the first three:
    * `account_ids`: accounts, all of whose roles may send.
    * `organization_id`: the AWS Organization (o-…) whose accounts may send.
    * `role_arns`: exactly these roles may send.
    * `detail_types`: the detail-types that they may send.
    * `sources`: the sources that they may send as.
  EOT
  type = object({
    account_ids     = optional(list(string))
    detail_types    = list(string)
    organization_id = optional(string)
    role_arns       = optional(list(string))
    sources         = list(string)
  })
  default = null

  validation {
    condition     = var.senders == null ? true : length([for who in [var.senders.account_ids, var.senders.organization_id, var.senders.role_arns] : who if who != null]) == 1
    error_message = "senders must name exactly one of account_ids, organization_id or role_arns."
  }

  validation {
    condition     = var.senders == null ? true : var.senders.account_ids == null ? true : length(var.senders.account_ids) > 0 && alltrue([for id in var.senders.account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "senders.account_ids must be at least one account id of 12 digits."
  }

  validation {
    condition     = var.senders == null ? true : var.senders.organization_id == null ? true : can(regex("^o-[a-z0-9]{10,32}$", var.senders.organization_id))
    error_message = "senders.organization_id must be the id of an AWS Organization (o- and 10 to 32 letters or digits)."
  }

  validation {
    condition     = var.senders == null ? true : var.senders.role_arns == null ? true : length(var.senders.role_arns) > 0 && alltrue([for arn in var.senders.role_arns : can(regex("^arn:[^:*]+:iam::[0-9]{12}:role/[^*]+$", arn))])
    error_message = "senders.role_arns must be at least one ARN of an IAM role, without wildcards."
  }

  validation {
    condition     = var.senders == null ? true : length(var.senders.sources) > 0 && length(var.senders.detail_types) > 0
    error_message = "senders must name at least one source and one detail-type."
  }

  validation {
    condition     = var.senders == null ? true : !anytrue([for source in var.senders.sources : startswith(source, "aws.")])
    error_message = "senders.sources must not start with \"aws.\": these sources are reserved for AWS services."
  }
}
