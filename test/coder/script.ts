/**
 * A model for the repository of `repository.ts`. Its next step depends only on the results of its calls,
 * so a turn can continue at any server. It runs the tests again if their outcome is unknown.
 */
import type { Asked, Reply } from '../sessions/upstream.ts'

type Call = readonly [id: string, tool: string, input: object]

/** @param folder the folder of the repository, relative to the workspace */
export const wishFor = (folder: string) =>
  `Find all TODO comments in <${folder}>, do what they say, and run the tests.`

/** Records its start, and continues when the file `hold` is gone. */
const testCommand = (folder: string) =>
  `cd ${folder} && echo run >> runs.txt && while [ -e hold ]; do sleep 0.02; done && node --test`

export function replyTo(messages: Asked['messages']): Reply {
  const wish = messages.find(({ role }) => role === 'user')
  const [, folder = ''] = /<(\S+)>/.exec(JSON.stringify(wish?.content)) ?? []
  const results = new Map(
    messages.flatMap(({ role, tool_call_id: id, content }) =>
      role === 'tool' && id !== undefined ? [[id, String(content)] as const] : [],
    ),
  )
  const calls = stepsFor(folder, results).find((step) => step.some(([id]) => !results.has(id)))
  return calls === undefined ? said(reportOf(results)) : called(calls)
}

function stepsFor(folder: string, results: ReadonlyMap<string, string>): Call[][] {
  const [list, greet] = [`${folder}/src/list.js`, `${folder}/src/greet.js`]
  const greeting = results.get('ask') ?? ''
  const first = 'export const first = (list) => list[0]\n'
  const last = 'export const last = (list) => list.at(-1)\n'
  const test = { command: testCommand(folder) }
  return [
    [['look', 'grep', { pattern: '// TODO', path: folder }]],
    [
      ['read-list', 'read_file', { path: list }],
      ['read-greet', 'read_file', { path: greet }],
    ],
    [['ask', 'human', { question: 'How shall it greet?', options: ['Hello', 'Moin'] }]],
    [
      ['edit-list', 'edit_file', { path: list, edits: [{ old: first, new: first + last }] }],
      [
        'edit-greet',
        'edit_file',
        { path: greet, edits: [{ old: 'Hello, ${name}', new: `${greeting}, \${name}!` }] },
      ],
    ],
    [['test', 'bash', test]],
    ...(/unknown/.test(results.get('test') ?? '')
      ? [[['test-again', 'bash', test] satisfies Call]]
      : []),
  ]
}

function reportOf(results: ReadonlyMap<string, string>): string {
  const found = results.get('look')?.match(/\/\/ TODO/g) ?? []
  const tested = results.get('test-again') ?? results.get('test') ?? ''
  const [, passed = 'no'] = /pass (\d+)/.exec(tested) ?? []
  const [, failed = 'no'] = /fail (\d+)/.exec(tested) ?? []
  return `Found ${found.length}; ${passed} tests pass, ${failed} fail.`
}

const said = (content: string): Reply => ({
  deltas: [{ delta: { content } }, { delta: {}, finish_reason: 'stop' }],
  heldAt: undefined,
})

const called = (calls: readonly Call[]): Reply => ({
  deltas: [
    { delta: { content: 'Next. ' } },
    ...calls.map(([id, name, input], index) => {
      const call = { index, id, type: 'function', function: { name, arguments: '' } }
      const arguments_ = JSON.stringify(input)
      return { delta: { tool_calls: [{ ...call, function: { name, arguments: arguments_ } }] } }
    }),
    { delta: {}, finish_reason: 'tool_calls' },
  ],
  heldAt: undefined,
})
