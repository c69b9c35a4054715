/** Whether a client shows forms. An empty capability is that of forms (MCP 2025-11-25, "Elicitation"). */
import { fieldOf, isFields } from '../ground/fields.ts'

/** @param capabilities as the client sent them, not checked */
export function showsForms(capabilities: unknown): boolean {
  const elicitation = fieldOf(capabilities, 'elicitation')
  if (!isFields(elicitation)) return false
  return fieldOf(elicitation, 'form') !== undefined || fieldOf(elicitation, 'url') === undefined
}
