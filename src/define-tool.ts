/** Checks a tool's definition at the start of the program, not at the first call. */
import { checkDataSchemas, type DataSchemas } from './data-part.ts'
import { LoomError } from './ground/error.ts'
import { type FieldsOf, refuseUnknownFields } from './ground/known-fields.ts'
import { isName } from './ground/name.ts'
import type { ToolDefinition, TypedTool } from './tool.ts'

/**
 * Checks the definition of a tool and returns the tool. TypeScript infers its types: the input from
 * `inputSchema`, the output from `execute`, the context from the type of the parameter `context`, and the data
 * parts from `dataSchemas`.
 * @throws LoomError `invalid-config` for a name that no provider accepts, an unknown field, a time limit that is
 * not a positive number, or `dataSchemas` with a name of Loom's own parts
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
export function defineTool<
  INPUT,
  OUTPUT,
  CONTEXT = unknown,
  const NAME extends string = string,
  SCHEMAS extends DataSchemas = DataSchemas,
>(
  definition: ToolDefinition<INPUT, OUTPUT, CONTEXT, NAME, SCHEMAS>,
): TypedTool<INPUT, OUTPUT, CONTEXT, NAME, SCHEMAS>
// `TypedTool` has a required `execute`; see there.
export function defineTool(definition: ToolDefinition<unknown, unknown>): unknown {
  const { name, timeoutMs, dataSchemas } = definition
  if (!isName(name)) {
    throw new LoomError(
      'invalid-config',
      `Tool name "${name}" must be 1 to 64 letters, digits, "_" or "-".`,
    )
  }
  checkKnown(name, definition)
  if (timeoutMs !== undefined && !(timeoutMs > 0)) {
    throw new LoomError('invalid-config', `timeoutMs of tool "${name}" must be above 0.`)
  }
  checkDataSchemas(dataSchemas, `Tool "${name}"`)
  return definition
}

/** The fields of a tool. The compiler finds a missing one. */
const toolFields: FieldsOf<ToolDefinition<unknown, unknown>> = {
  name: true,
  description: true,
  inputSchema: true,
  execute: true,
  needsApproval: true,
  toModelOutput: true,
  retry: true,
  timeoutMs: true,
  title: true,
  dataSchemas: true,
}

/** The fields that only a tool of the AI SDK has. `defineTool({ ...tool({ … }), name })` keeps them. */
const sdkFields: Readonly<Record<string, true>> = {
  args: true,
  contextSchema: true,
  experimental_toToolResultContent: true,
  id: true,
  inputExamples: true,
  isProviderExecuted: true,
  metadata: true,
  onInputAvailable: true,
  onInputDelta: true,
  onInputStart: true,
  outputSchema: true,
  providerOptions: true,
  strict: true,
  supportsDeferredResults: true,
  type: true,
  '~types': true,
}

/** The names of other libraries. */
const synonyms = {
  parameters: 'inputSchema',
  schema: 'inputSchema',
  input: 'inputSchema',
  run: 'execute',
  handler: 'execute',
}

function checkKnown(name: string, definition: object): void {
  const own = Object.entries(definition).filter(([field]) => !Object.hasOwn(sdkFields, field))
  const fields = { subject: `Tool "${name}" has`, known: toolFields }
  refuseUnknownFields(Object.fromEntries(own), fields, synonyms)
}
