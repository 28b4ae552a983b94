variable "account_id" {
  description = "Id of the account that the workflow runs in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits."
  }
}

variable "definition" {
  description = "The state machine in Amazon States Language: a rendered .asl.json file."
  type        = string
  nullable    = false
}

variable "description" {
  description = "What the workflow does, shown on its rule."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.description) > 0 && length(var.description) <= 512
    error_message = "description must have 1 to 512 characters."
  }
}

variable "function_arns" {
  description = "ARNs of the function aliases that the state machine may invoke."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.function_arns) > 0 && alltrue([for arn in var.function_arns : can(regex("^arn:[^:*]+:lambda:[^:*]+:[0-9]{12}:function:[^:*]+:[^:*]+$", arn))])
    error_message = "function_arns must be at least one ARN of a function's alias or version (arn:<partition>:lambda:<region>:<account>:function:<name>:<alias>)."
  }
}

variable "name" {
  description = "Name of the state machine and of the rule that starts it; its roles are <name>-workflow and <name>-events, its queue <name>-dlq."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,55}$", var.name))
    error_message = "name must have 1 to 55 letters, digits, dashes or underscores: the role <name>-workflow has 64 at most."
  }
}

variable "trigger" {
  description = <<-EOT
    The events that start the workflow:
    * `event_bus_name`: the bus that they arrive on; "default" has the events of AWS services.
    * `event_pattern`: EventBridge pattern as JSON.
  EOT
  type = object({
    event_bus_name = string
    event_pattern  = string
  })
  nullable = false

  validation {
    condition     = can(keys(jsondecode(var.trigger.event_pattern)))
    error_message = "trigger.event_pattern must be a JSON object."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]{1,256}$", var.trigger.event_bus_name))
    error_message = "trigger.event_bus_name must be the name of an event bus, not its ARN."
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

variable "publish_bus_arn" {
  description = "ARN of the event bus that the state machine publishes to; null when it publishes nothing."
  type        = string
  default     = null

  validation {
    condition     = var.publish_bus_arn == null ? true : can(regex("^arn:[^:*]+:events:[^:*]+:[0-9]{12}:event-bus/[^*]+$", var.publish_bus_arn))
    error_message = "publish_bus_arn must be the ARN of an event bus (arn:<partition>:events:<region>:<account>:event-bus/<name>)."
  }
}

variable "retry_policy" {
  description = <<-EOT
    How long EventBridge tries to start the workflow before the event goes to the dead-letter queue:
    * `maximum_event_age_in_seconds`: 60 to 86400.
    * `maximum_retry_attempts`: 0 to 185.
  EOT
  type = object({
    maximum_event_age_in_seconds = optional(number, 86400)
    maximum_retry_attempts       = optional(number, 185)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.retry_policy.maximum_event_age_in_seconds >= 60 && var.retry_policy.maximum_event_age_in_seconds <= 86400
    error_message = "retry_policy.maximum_event_age_in_seconds must be between 60 and 86400."
  }

  validation {
    condition     = var.retry_policy.maximum_retry_attempts >= 0 && var.retry_policy.maximum_retry_attempts <= 185
    error_message = "retry_policy.maximum_retry_attempts must be between 0 and 185."
  }
}
