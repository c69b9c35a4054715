/** One row of the tables of docs/migration-from-loomex.md, and the objects of its check. */
import { type Agent, defineAgent } from '../../src/index.ts'
import { codeIn } from '../docs/pages.ts'

/** The cells of a row: the feature of LoomEx, the one of Loom, and more columns of some tables. */
export type Row = readonly string[]

/** Runs Loom as the row describes it. The key of a check is the first cell of its row. */
export type Checks = Readonly<Record<string, (row: Row) => void | Promise<void>>>

/** The first piece of code in the cell of Loom. */
export const loomCode = ([, cell]: Row): string => codeIn(cell)[0] ?? ''

/** The name at the start of this code: `onStep` of `onStep(info, context)`. */
export const loomName = (row: Row): string => /^[\w.]+/.exec(loomCode(row))?.[0] ?? ''

/** An agent with one more field, whose name is that of a row. */
export function agentWith(field: string, value: unknown, more: object = {}): Agent<Context> {
  const definition = { name: 'tutor', systemPrompt: 'You teach.', ...more }
  return defineAgent<Context>({ ...definition, ...Object.fromEntries([[field, value]]) })
}

/** The context of a run, for callbacks that must receive it. */
export const context: Context = { user: 'Ada' }

export interface Context {
  user: string
}
