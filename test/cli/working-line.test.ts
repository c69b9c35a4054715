import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import { until } from '../redis/until.ts'
import type { Upstream } from '../sessions/upstream.ts'
import { folder, root, tidy } from './command.ts'
import { closeTerminals, keys, lacksTerminal, openPseudoTerminal } from './pseudo-terminal.ts'
import { screenText } from './screen-text.ts'
import { openScript, type ScriptedAnswer } from './scripted-upstream.ts'

const { enter } = keys

interface OpenOptions {
  columns?: number
  /** The entry of the model in the list of models. */
  model?: object
  words?: readonly string[]
}

/** US dollars per million tokens, and tokens. */
const listed = { cost: { input: 3, output: 15 }, limit: { context: 200_000, output: 8_000 } }
// 12,000 × 3 + 400 × 15 = 42,000 millionths of a dollar, then 20,000 × 3 + 1,000 × 15 = 75,000 more.
const answers: readonly ScriptedAnswer[] = [
  { calls: [{ name: 'calculator', input: { expr: '6 * 7' } }], usage: [12_000, 400] },
  { pieces: ['It is', ' 42.'], heldAfter: 0, usage: [20_000, 1000] },
]

describe.skipIf(lacksTerminal)('the status line', () => {
  const upstreams: Upstream[] = []
  afterEach(async () => {
    await closeTerminals()
    for (const upstream of upstreams.splice(0)) await upstream[Symbol.asyncDispose]()
    await tidy()
  })

  async function open(
    script: readonly ScriptedAnswer[],
    { columns = 80, model = {}, words = [] }: OpenOptions = {},
  ) {
    const upstream = await openScript(script)
    upstreams.push(upstream)
    const models = join(await folder(), 'models.json')
    await writeFile(models, JSON.stringify({ up: { models: { x: model } } }))
    const terminal = openPseudoTerminal(words, {
      columns,
      environment: {
        XDG_STATE_HOME: await folder(),
        LOOM_MODEL: 'up/x',
        LOOM_MODELS_PATH: models,
        UP_BASE_URL: upstream.url,
      },
    })
    await terminal.shows('/help lists')
    const shows = (line: RegExp) =>
      until(15_000, `the line is ${line}`, () =>
        screenText(terminal.raw, columns).some((shown) => line.test(shown)),
      ).catch((cause: unknown) => {
        throw new Error(`the screen is ${screenText(terminal.raw, columns).join('\n')}`, { cause })
      })
    return { terminal, upstream, shows }
  }

  it('shows context and cost after the first step', async () => {
    const last: ScriptedAnswer = { pieces: ['Yes.'], heldAfter: 0, usage: [22_000, 10] }
    const { terminal, upstream, shows } = await open([...answers, last], { model: listed })
    terminal.child.stdin?.write(`What is 6 * 7?${enter}`)
    // Only the first step: 12,400 tokens of 200,000.
    await shows(/^\S \D+ \d+ s · Ctrl-C stops · 12k of 200k tokens · \$0\.04$/)
    upstream.letGo()
    await shows(/^It is 42\.$/)
    // At the prompt the line is gone. The next answer begins with the sum.
    await terminal.type(`/cost${enter}`, '$0.1170')
    expect(screenText(terminal.raw, 80).join('\n')).not.toContain('Ctrl-C stops')
  })

  it('adds the cost of earlier answers', async () => {
    const [first] = answers
    const script = [
      { pieces: ['One.'], usage: first?.usage ?? [0, 0] },
      { pieces: ['Two.'], heldAfter: 0 },
    ]
    const { terminal, shows } = await open(script, { model: listed })
    await terminal.type(`one${enter}`, /One\.[^]*› $/)
    terminal.child.stdin?.write(`two${enter}`)
    await shows(/ · Ctrl-C stops · 12k of 200k tokens · \$0\.04$/)
  })

  it('counts a message with an approval once', async () => {
    const call = { name: 'charge', input: { amount: '1' } }
    const last: ScriptedAnswer = { pieces: ['Done.'], heldAfter: 0, usage: [12_500, 100] }
    const { terminal, shows } = await open([{ calls: [call], usage: [12_000, 400] }, last], {
      model: listed,
      words: ['--agent', join(root, 'test/cli/files/agent.ts')],
    })
    await terminal.type(`charge${enter}`, 'Allow charge?')
    terminal.child.stdin?.write(`y${enter}`)
    await shows(/ · Ctrl-C stops · 12k of 200k tokens · \$0\.04$/)
  })

  it('is below an incomplete line and disappears completely', async () => {
    const { terminal, upstream, shows } = await open([
      { pieces: ['It is ', 'only ', 'the rest.'], heldAfter: 2 },
    ])
    terminal.child.stdin?.write(`What is it?${enter}`)
    await shows(/^\S answering \d+ s · Ctrl-C stops$/)
    expect(screenText(terminal.raw, 80)).toContain('It is only')
    upstream.letGo()
    await shows(/^It is only the rest\.$/)
    await until(15_000, 'the prompt', () => screenText(terminal.raw, 80).at(-1) === '›')
    expect(screenText(terminal.raw, 80).join('\n')).not.toContain('Ctrl-C stops')
  })

  it('omits an unknown cost or window', async () => {
    const { terminal, shows } = await open(answers)
    terminal.child.stdin?.write(`What is 6 * 7?${enter}`)
    await shows(/ s · Ctrl-C stops · 12k tokens$/)
    expect(terminal.raw).not.toContain('$')
  })

  it.each([
    [40, /^\S \D+ \d+ s · Ctrl-C stops · \$0\.04$/],
    [60, /^\S \D+ \d+ s · Ctrl-C stops · (?:12k tokens · )?\$0\.04$/],
    [200, /^\S \D+ \d+ s · Ctrl-C stops · 12k of 200k tokens · \$0\.04$/],
  ])('fits into %i columns', async (columns, line) => {
    const { terminal, upstream, shows } = await open(answers, { columns, model: listed })
    terminal.child.stdin?.write(`What is 6 * 7?${enter}`)
    await until(15_000, 'the second step is held', () => upstream.held === 1)
    await shows(line)
    const drawn = screenText(terminal.raw, columns).filter((shown) => shown.includes('Ctrl-C'))
    expect(drawn).toHaveLength(1)
    expect(drawn[0]?.length).toBeLessThan(columns)
  })
})
