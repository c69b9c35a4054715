/** Checks a tool's definition when the program starts, not when a model first calls it. */
import { LoomError } from './ground/error.ts'
import { isName } from './ground/name.ts'
import type { NamedTool, ToolDefinition } from './tool.ts'

/**
 * Gives the tool of a definition.
 * @throws LoomError `invalid-config` for a name that no provider would take, or a time limit that
 * is not a positive number.
 */
export function defineTool<INPUT, OUTPUT, CONTEXT = unknown>(
  definition: ToolDefinition<INPUT, OUTPUT, CONTEXT>,
): NamedTool {
  const { name, timeoutMs } = definition
  if (!isName(name)) {
    throw new LoomError(
      'invalid-config',
      `Tool name "${name}" must be 1 to 64 letters, digits, "_" or "-".`,
    )
  }
  if (timeoutMs !== undefined && !(timeoutMs > 0)) {
    throw new LoomError('invalid-config', `timeoutMs of tool "${name}" must be above 0.`)
  }
  return definition
}
