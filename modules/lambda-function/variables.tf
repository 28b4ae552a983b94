variable "description" {
  description = "What the function does, shown in the console."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.description) > 0 && length(var.description) <= 256
    error_message = "description must have 1 to 256 characters."
  }
}

variable "handler" {
  description = "The function that Lambda calls, e.g. datamesh.handlers.register_data_product.handler."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)+$", var.handler))
    error_message = "handler must be a dotted path that ends in a function's name (package.module.function)."
  }
}

variable "name" {
  description = "Name of the function; its role is <name>-function, its alias live."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,55}$", var.name))
    error_message = "name must have 1 to 55 letters, digits, dashes or underscores: the role <name>-function has 64 at most."
  }
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

  validation {
    condition     = contains(["arm64", "x86_64"], var.package.architecture)
    error_message = "package.architecture must be arm64 or x86_64."
  }

  validation {
    condition     = endswith(var.package.path, ".zip")
    error_message = "package.path must be a .zip file."
  }

  validation {
    condition     = can(regex("^python3[.](1[1-9])$", var.package.runtime))
    error_message = "package.runtime must be python3.11 or newer."
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

variable "environment" {
  description = "Environment variables of the function, {NAME => value}. Not for secrets."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "environment must have names of capital letters, digits and underscores."
  }
}

variable "failure_queue_enabled" {
  description = "Whether events that the function fails on, after Lambda's own retries, go to the queue <name>-failures. Turn on where something invokes the function asynchronously: an EventBridge rule's dead-letter queue does not see errors of the function."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the customer managed KMS key that encrypts environment variables; null uses a key that AWS manages."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key (arn:<partition>:kms:<region>:<account>:key/…)."
  }
}

variable "log_kms_key_arn" {
  description = "ARN of the customer managed KMS key that encrypts the logs; null uses a key that AWS owns."
  type        = string
  default     = null

  validation {
    condition     = var.log_kms_key_arn == null ? true : can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/", var.log_kms_key_arn))
    error_message = "log_kms_key_arn must be the ARN of a KMS key (arn:<partition>:kms:<region>:<account>:key/…)."
  }
}

variable "log_retention_days" {
  description = "How many days the logs are kept."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a retention that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "memory_size" {
  description = "Memory in MB; CPU grows with it."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240
    error_message = "memory_size must be between 128 and 10240 MB."
  }
}

variable "reserved_concurrent_executions" {
  description = "How many executions may run at once, reserved from the account's limit; null leaves the function unreserved."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrent_executions == null ? true : var.reserved_concurrent_executions >= 1
    error_message = "reserved_concurrent_executions must be 1 or more, or null."
  }
}

variable "statements" {
  description = <<-EOT
    What the function may do beyond writing its own logs and traces:
    * `actions`: IAM actions; a whole service (service:*) is refused.
    * `conditions`: all must hold; each with `test`, `variable` and `values`.
    * `reason`: why `resources` has to be a bare *; required there.
    * `resources`: ARNs, composed from attributes of the resources.
    * `sid`: statement id, unique in the list.
  EOT
  type = list(object({
    actions = list(string)
    conditions = optional(list(object({
      test     = string
      values   = list(string)
      variable = string
    })), [])
    reason    = optional(string)
    resources = list(string)
    sid       = string
  }))
  default  = []
  nullable = false

  validation {
    condition     = alltrue([for statement in var.statements : can(regex("^[A-Za-z0-9]+$", statement.sid))]) && length(distinct(var.statements[*].sid)) == length(var.statements)
    error_message = "statements must have unique sids of letters and digits."
  }

  validation {
    condition     = alltrue([for statement in var.statements : length(statement.actions) > 0 && length(statement.resources) > 0])
    error_message = "statements must each name at least one action and one resource."
  }

  validation {
    condition     = alltrue(flatten([for statement in var.statements : [for action in statement.actions : can(regex("^[a-z0-9-]+:[A-Za-z]+[*]?$", action))]]))
    error_message = "statements must name IAM actions (service:Action or service:Prefix*), never a whole service (service:*)."
  }

  validation {
    condition     = alltrue([for statement in var.statements : !contains(statement.resources, "*") || try(length(statement.reason) > 0, false)])
    error_message = "statements with the resource \"*\" must give the reason."
  }
}

variable "timeout" {
  description = "Seconds after which Lambda ends an execution."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900
    error_message = "timeout must be between 1 and 900 seconds."
  }
}
