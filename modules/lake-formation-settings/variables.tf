variable "account_id" {
  description = "Id of the account whose Lake Formation settings are managed."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits."
  }
}

variable "administrators" {
  description = "ARNs of the IAM roles and users that become Lake Formation administrators; those that the account already has stay."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.administrators) <= 30 && alltrue([for arn in var.administrators : can(regex("^arn:[^:*]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "administrators must be at most 30 ARNs of IAM roles or users, without wildcards."
  }
}

variable "name" {
  description = "Name of the function that manages the settings, e.g. datamesh-central-manage-data-lake-settings."
  type        = string
  nullable    = false
}

variable "package" {
  description = <<-EOT
    The zip file to deploy, and what it was built for:
    * `architecture`: arm64 or x86_64.
    * `path`: where the zip file is.
    * `runtime`: the Lambda runtime.
    * `source_code_hash`: base64 SHA-256 of the zip; computed from the file when null.
  EOT
  type = object({
    architecture     = optional(string, "arm64")
    path             = string
    runtime          = optional(string, "python3.13")
    source_code_hash = optional(string)
  })
  nullable = false
}

variable "prefix" {
  description = "Prefix of the mesh's names."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}$", var.prefix))
    error_message = "prefix must have 2 to 19 lower-case letters, digits or dashes and start with a letter."
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

variable "cross_account_version" {
  description = "Cross-account version of Lake Formation. 5 cannot be taken back."
  type        = string
  default     = "4"
  nullable    = false

  validation {
    condition     = contains(["3", "4", "5"], var.cross_account_version)
    error_message = "cross_account_version must be \"3\", \"4\" or \"5\": older ones cannot share by LF-tags over AWS RAM."
  }
}

variable "log_kms_key_arn" {
  description = "ARN of the customer managed KMS key that encrypts the logs; null uses a key that AWS owns."
  type        = string
  default     = null
}

variable "log_level" {
  description = "What the function logs: DEBUG, INFO, WARNING or ERROR."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "log_retention_days" {
  description = "How many days the logs are kept."
  type        = number
  default     = 90
  nullable    = false
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the function's metrics."
  type        = string
  default     = "DataMesh"
  nullable    = false
}
