/** The file of a recorded test. */
import { shorten } from '../ground/cut-text.ts'
import { LoomError } from '../ground/error.ts'
import { textField } from '../ground/fields.ts'
import { Commented, literal, textLiteral } from './literal.ts'
import type { RecordedTurn } from './recorded-turn.ts'

export interface TestFile {
  agent: { name: string }
  from: string
  exportName?: string
  name?: string
  context?: object
  runner?: 'any' | 'node:test' | 'vitest' | '@jest/globals'
}

/** @throws LoomError `invalid-request` for an export that an import cannot name */
export function testCode(turns: readonly RecordedTurn[], file: TestFile): string {
  const { agent, name = titleOf(turns), context, runner = 'any' } = file
  const imported = importOf(file)
  const options = context === undefined ? '' : `, { context: ${literal(context, 2, 16)} }`
  const conversation = literal(turns.map(written), 2, 30)
  return `/**
 * A recorded conversation with the agent "${agent.name}". The test fails if the agent does something else now:
 * then correct the agent, edit this file, or record the session again. It calls no provider and runs no tool.
 */
${runner === 'any' ? '' : `import { test } from '${runner}'\n`}import { replaySession } from 'loomkit/testing'

${imported.line}
${runner === 'any' ? eitherRunner : ''}
test(${textLiteral(name)}, async () => {
  await replaySession(${imported.name}, ${conversation}${options})
})
`
}

const eitherRunner = `
// For \`node --test\` and for vitest.
const { test } = await import(process.env['VITEST'] === undefined ? 'node:test' : 'vitest')
`

/** The names that this file may not give to the agent: its own, and those of the language. */
const taken = new Set(
  (
    'replaySession test process arguments await break case catch class const continue debugger default delete do ' +
    'else enum eval export extends false finally for function if implements import in instanceof interface let new ' +
    'null package private protected public return static super switch this throw true try typeof undefined var void ' +
    'while with yield'
  ).split(' '),
)

function importOf({ agent, from, exportName = camelCase(agent.name) }: TestFile) {
  if (!/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(exportName)) {
    throw new LoomError(
      'invalid-request',
      `${JSON.stringify(exportName)} cannot be the name of an export. Set exportName to the name under which ${JSON.stringify(from)} exports the agent.`,
    )
  }
  const module = textLiteral(from)
  if (exportName === 'default') return { name: 'agent', line: `import agent from ${module}` }
  const isTaken = taken.has(exportName)
  const name = isTaken ? 'agent' : exportName
  return { name, line: `import { ${isTaken ? `${exportName} as agent` : name} } from ${module}` }
}

const camelCase = (name: string): string =>
  name.replaceAll(/[-_]+(\w)/g, (_, letter: string) => letter.toUpperCase())

const titleLength = 60

/** The beginning of the first message, on one line. */
function titleOf([first]: readonly RecordedTurn[]): string {
  const { user = '' } = first ?? {}
  const texts =
    typeof user === 'string' ? [user] : user.map((part) => textField(part, 'text') ?? '')
  const line = texts.join(' ').replaceAll(/\s+/g, ' ').trim()
  return line === '' ? 'a recorded conversation' : shorten(line, titleLength)
}

/** A turn in the form in which it is written: files have placeholders. */
function written({ user, steering, steps, ...end }: RecordedTurn): object {
  return {
    user: contentOf(user),
    ...(steering !== undefined && { steering: steering.map(contentOf) }),
    steps,
    ...end,
  }
}

const contentOf = (content: RecordedTurn['user']): unknown =>
  typeof content === 'string' ? content : content.map(withoutFile)

/** A file may be large and private. No model sees it in a test, so its content does not matter. */
function withoutFile(part: object): unknown {
  const url = textField(part, 'url')
  if (url === undefined || !/^data:/i.test(url)) return part
  const mediaType = textField(part, 'mediaType') ?? 'application/octet-stream'
  const content = url.slice(url.indexOf(',') + 1)
  const bytes = /;base64,/i.test(url.slice(0, 200))
    ? Math.floor((content.length * 3) / 4)
    : content.length
  const placeholder = `data:${mediaType};base64,${btoa('The recorder left the content out.')}`
  const comment = `The file had about ${bytes} bytes. The recorder left its content out: no model reads it here.`
  return new Commented(comment, { ...part, url: placeholder })
}
