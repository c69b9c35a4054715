/** Checks a tool's definition at the start of the program, not at the first call. */
import { LoomError } from './ground/error.ts'
import { isName } from './ground/name.ts'
import type { NamedTool, ToolDefinition } from './tool.ts'

/**
 * Checks the definition of a tool and returns the tool.
 * @throws LoomError `invalid-config` for a name that no provider accepts, or a time limit that is not a
 * positive number
 * @example
 * ```ts
 * import { defineTool } from 'loomkit'
 * import { z } from 'zod'
 *
 * const description = 'Doubles a number.'
 * const inputSchema = z.object({ value: z.number() })
 * const double = defineTool({ name: 'double', description, inputSchema, execute: ({ value }) => value * 2 })
 * ```
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
