variable "name" {
  description = "Name of the queue, at most 80 letters, digits, dashes and underscores."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,80}$", var.name))
    error_message = "name must have 1 to 80 letters, digits, dashes or underscores."
  }
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that hear about the alarm."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[^:]+:sns:", arn))])
    error_message = "alarm_topic_arns must be ARNs of SNS topics (arn:<partition>:sns:…)."
  }
}

variable "source_arns" {
  description = "ARNs (a * matches any characters) of the EventBridge rules or buses that may send what they could not deliver. Empty when only roles of this account send."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.source_arns : can(regex("^arn:[^:*]+:events:[^:*]+:[0-9]{12}:(rule|event-bus)/.", arn))])
    error_message = "source_arns must be ARNs of EventBridge rules or buses with partition, region and account (arn:<partition>:events:<region>:<account>:rule/…)."
  }
}
