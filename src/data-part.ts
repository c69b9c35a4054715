/** The data parts that a tool writes into the message of its call: their types, and their schemas. */
import type { FlexibleSchema, InferSchema } from 'ai'

import { LoomError } from './ground/error.ts'
import { isFields } from './ground/fields.ts'
import { isSchema } from './ground/schema.ts'

/**
 * The schemas of data parts by name: the schema of `data-progress` has the name `progress`. A schema is a zod
 * schema, any Standard Schema, or `jsonSchema()` of the AI SDK.
 * @example
 * ```ts
 * import type { DataSchemas } from 'loomkit'
 * import { z } from 'zod'
 *
 * const dataSchemas = { progress: z.object({ percent: z.number() }) } satisfies DataSchemas
 * ```
 */
export type DataSchemas = Readonly<Record<string, FlexibleSchema<unknown>>>

/**
 * The data of each name, as the second parameter of `ToolContext` and of `UIMessage` takes them.
 * @example
 * ```ts
 * import type { DataTypesOf } from 'loomkit'
 * import { z } from 'zod'
 *
 * const dataSchemas = { progress: z.object({ percent: z.number() }) }
 * const progress: DataTypesOf<typeof dataSchemas>['progress'] = { percent: 50 }
 * ```
 */
export type DataTypesOf<SCHEMAS> = { [NAME in keyof SCHEMAS & string]: InferSchema<SCHEMAS[NAME]> }

/**
 * A part that a tool writes with `ToolContext.write`. `DATA` is the type of the data of each name.
 * @example
 * ```ts
 * import type { DataPart } from 'loomkit'
 *
 * const part: DataPart<{ progress: { percent: number } }> = {
 *   type: 'data-progress',
 *   id: 'import',
 *   data: { percent: 50 },
 * }
 * ```
 */
export type DataPart<DATA = Record<string, unknown>> = {
  [NAME in keyof DATA & string]: {
    /** `data-` and the name. `output`, `queue` and `user-message` are names of Loom's own parts. */
    type: `data-${NAME}`
    /**
     * A part with the type and the id of an earlier part of the message replaces its data.
     * @defaultValue `<toolCallId>-<n>`; `n` counts the parts without an id in the call, from 1
     */
    id?: string
    /** Any JSON value, or a value of the schema of this name. */
    data: DATA[NAME]
    /**
     * Whether clients receive the part while the answer runs, and the message does not keep it. A client that
     * reads the answer again from its start receives it again. @defaultValue false
     */
    transient?: boolean
  }
}[keyof DATA & string]

/** A method type, so that a tool which names no data types fits where others are known. */
export type DataWrite<DATA> = {
  /**
   * Writes a part. TypeScript compares the parameters of methods both ways, and those of function properties
   * one way.
   */
  write(part: DataPart<DATA>): Promise<void>
}['write']

/** Parts that Loom itself sends: the output of an agent, and what a reader of a whole session receives. */
export const ownDataNames: ReadonlySet<string> = new Set(['output', 'queue', 'user-message'])

/**
 * Checks the schemas of an agent or a tool at the start of the program, not at the first part.
 * @param owner the agent or the tool, for the error text
 * @throws LoomError `invalid-config`
 */
export function checkDataSchemas(schemas: DataSchemas | undefined, owner: string): void {
  if (schemas === undefined) return
  if (!isFields(schemas)) throw fault(`${owner}: dataSchemas must be an object of schemas by name.`)
  for (const [name, schema] of Object.entries<unknown>(schemas)) {
    if (name.startsWith('data-')) {
      throw fault(`${owner}: name the schema "${name.slice('data-'.length)}", without "data-".`)
    }
    if (ownDataNames.has(name)) {
      throw fault(`${owner}: "data-${name}" is a part of Loom's own. Choose another name.`)
    }
    if (name === '' || !isSchema(schema)) {
      throw fault(
        `${owner}: "${name}" in dataSchemas must be a zod schema, a Standard Schema or jsonSchema() of the AI SDK.`,
      )
    }
  }
}

const fault = (text: string) => new LoomError('invalid-config', text)
