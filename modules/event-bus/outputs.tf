output "archive_arn" {
  description = "ARN of the archive, null when the bus keeps none."
  value       = one(aws_cloudwatch_event_archive.this[*].arn)
}

output "arn" {
  description = "ARN of the event bus, known as soon as its policy lets the senders send."
  value       = aws_cloudwatch_event_bus.this.arn
  depends_on  = [aws_cloudwatch_event_bus_policy.this]
}

output "dead_letter_queue_arn" {
  description = "ARN of the queue for events that could not be encrypted, null when no customer managed key encrypts the bus."
  value       = one(module.dead_letter_queue[*].arn)
}

output "name" {
  description = "Name of the event bus."
  value       = aws_cloudwatch_event_bus.this.name
}
