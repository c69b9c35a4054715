/** Each public export has a docstring with one example. The examples compile. */
import { describe, expect, it } from 'vitest'

import { errorsIn } from './docs/compiled-blocks.ts'
import { publicExports, type PublicExport } from './docs/public-exports.ts'
import { publicMembers } from './docs/public-members.ts'
import { writeBlocks } from './docs/written-files.ts'
import { packageEntries } from './package-entries.ts'

/** All exports. One that several entries have counts once, with the entry that has most. */
const everywhere = publicExports(packageEntries())
const identity = ({ path, name }: PublicExport) => `${path}: ${name}`
const ofLibrary = new Set(everywhere.filter(({ module }) => module === 'loomkit').map(identity))
const exported = everywhere.filter(
  (each) => each.module === 'loomkit' || !ofLibrary.has(identity(each)),
)
const examples = exported.flatMap(({ examples }) => examples)

const places = (faulty: (exported: PublicExport) => boolean) =>
  exported.filter(faulty).map(({ path, name }) => `${path}: ${name}`)

const linesOf = (code: string) => code.trimEnd().split('\n').length

describe('the public exports', () => {
  it('are found in every entry, with their declarations', () => {
    const found = everywhere.map(({ module, name, path }) => `${module} ${name} ${path}`)
    expect(found).toEqual(
      expect.arrayContaining([
        'loomkit run src/library.ts',
        'loomkit Agent src/agent.ts',
        'loomkit bash tools/bash.ts',
        'loomkit/client resumableFetch src/client/resumable-fetch.ts',
        'loomkit/react useLoomChat src/entries/react.ts',
        'loomkit/hono sessionRoutes routes/session.ts',
        'loomkit/mcp openMcp src/mcp.ts',
        'loomkit/redis openRedisStore src/store/open-redis-store.ts',
        'loomkit/tools bash tools/bash.ts',
      ]),
    )
    expect(found.length).toBeGreaterThanOrEqual(90)
  })

  it('each have a docstring', () => {
    expect(places(({ description }) => !/^\S[^]*\.$/.test(description.trim()))).toEqual([])
  })

  it('each have one example in TypeScript', () => {
    const hasOne = ({ exampleTags, examples }: PublicExport) =>
      exampleTags === 1 && examples.length === 1
    expect(places((exported) => !hasOne(exported))).toEqual([])
  })

  it('each have an example of 2 to 8 lines', () => {
    const isShort = (code: string) => linesOf(code) >= 2 && linesOf(code) <= 8
    expect(places(({ examples }) => !examples.every(({ code }) => isShort(code)))).toEqual([])
  })

  it('are each imported by name in their example', () => {
    const imports = ({ name, module }: PublicExport, code: string) =>
      new RegExp(`^import .*\\b${name}\\b.* from '${module}'$`, 'm').test(code)
    expect(
      places((exported) => !exported.examples.every(({ code }) => imports(exported, code))),
    ).toEqual([])
  })
})

describe('the members of the exported types', () => {
  const members = publicMembers(packageEntries())

  it('are found in every kind of declaration', () => {
    expect(members.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'AgentDefinition.systemPrompt', // of an interface
        'AgentSession.call', // of a class
        'StepDecision.messages', // of a union
        'stopChat.queue', // of a parameter
        'ToolContext.run.sink', // of a parameter of a member
        'LetterRequest.agent', // of a type that a member names
        'defineAgent', // a signature
      ]),
    )
    expect(members.length).toBeGreaterThanOrEqual(900)
  })

  it('each have a text', () => {
    const hasText = (text: string) => /^\S[^]*?\./.test(text.split(/^@/m)[0] ?? '')
    const silent = members.filter(({ text }) => !hasText(text))
    expect(silent.map(({ place, name }) => `${place}: ${name}`)).toEqual([])
  })

  it('each say their default if they are an option', () => {
    const isOption = /^\w*(Options|Definition|Preparation)\.\w+$/
    const silent = members.filter(
      ({ name, text, isOptional }) =>
        isOptional && isOption.test(name) && !text.includes('@defaultValue'),
    )
    expect(silent.map(({ place, name }) => `${place}: ${name}`)).toEqual([])
  })
})

describe('the entries', () => {
  it('for one subject repeat exports of loomkit', () => {
    const repeating = new Set(['loomkit/hono', 'loomkit/mcp', 'loomkit/redis', 'loomkit/tools'])
    const own = exported.filter(({ module }) => repeating.has(module))
    expect(own.map(({ module, name }) => `${module}: ${name}`)).toEqual([])
  })
})

describe('the examples', () => {
  it('compile', async () => {
    using written = writeBlocks(examples)
    expect(await errorsIn(written, 'example')).toEqual([])
  })

  it('are found wrong if one has a wrong type', async () => {
    const right = "mode: SandboxMode = 'required'"
    const chosen = examples.filter(({ code }) => code.includes(right))
    using written = writeBlocks(chosen, (code) => code.replace(right, 'mode: SandboxMode = 1'))
    expect(await errorsIn(written, 'example')).toEqual([
      expect.stringMatching(/^src\/machine\/sandbox\/options\.ts:\d+: .*TS2322/),
    ])
  })
})
