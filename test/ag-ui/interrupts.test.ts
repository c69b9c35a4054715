/** Tools of the client, approvals and questions: a run ends, and the next one brings the answers. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { type AgentDefinition, defineAgent, defineTool, human } from '../../src/index.ts'
import { calls, says, type Script, scriptedModel } from '../scripted-model.ts'
import { openServed } from '../sessions/served.ts'
import { type Run, Thread } from './thread.ts'

async function open(scripts: Script[], definition: Partial<AgentDefinition> = {}) {
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', ...definition, model })
  const served = await openServed([agent])
  onTestFinished(() => served[Symbol.asyncDispose]())
  const state = async () => (await served.loom.sessions.session('thread'))?.state
  return { served, model, state, thread: new Thread(served.url) }
}

const weather = { name: 'weather', description: 'Returns the weather' }

const payments: number[] = []
const pay = defineTool({
  name: 'pay',
  description: 'Pays',
  inputSchema: z.object({ amount: z.number() }),
  needsApproval: true,
  execute({ amount }) {
    payments.push(amount)
    return 'paid'
  },
})

const pendingOf = ({ finished }: Run): string[] => {
  const outcome = finished?.outcome
  return outcome?.type === 'success' ? (outcome.pendingToolCallIds ?? []) : []
}

const resultsOf = ({ results }: Run) => results.map(({ content }) => content)

const resume = (thread: Thread, payload: unknown, status: 'resolved' | 'cancelled' = 'resolved') =>
  thread.client.pendingInterrupts.map(({ id: interruptId }) => ({ interruptId, status, payload }))

describe('a tool of the client', () => {
  it('waits for its result, which comes as a message', async () => {
    const { thread, state, model } = await open([
      calls(['weather', { city: 'Oslo' }]),
      says('It rains.'),
    ])
    const asked = await thread.say('The weather?', { tools: [weather] })
    expect(asked.finished?.outcome?.type).toBe('success')
    const [toolCallId = ''] = pendingOf(asked)
    expect(await state()).toBe('waiting')
    thread.client.addMessage({ id: 'r', role: 'tool', toolCallId, content: 'rain' })
    const answered = await thread.run({ tools: [weather] })
    // The result is the client's own.
    expect(resultsOf(answered)).toEqual([])
    expect(thread.texts.slice(-2)).toEqual(['tool: rain', 'assistant: It rains.'])
    expect(await thread.storedMessages()).toEqual(thread.client.messages)
    expect(JSON.stringify(model.asked[1]?.prompt.at(-1))).toContain('rain')
  })

  it('may fail', async () => {
    const { thread, model } = await open([calls(['weather', {}]), says('Sorry.')])
    const [toolCallId = ''] = pendingOf(await thread.say('The weather?', { tools: [weather] }))
    thread.client.addMessage({ id: 'r', role: 'tool', toolCallId, content: '', error: 'offline' })
    await thread.run({ tools: [weather] })
    expect(JSON.stringify(model.asked[1]?.prompt.at(-1))).toContain('offline')
  })

  it('is one of several calls, whose results come together', async () => {
    const { thread, model } = await open([
      calls(['weather', { city: 'Oslo' }], ['weather', { city: 'Rome' }]),
      says('Rain and sun.'),
    ])
    const ids = pendingOf(await thread.say('The weather?', { tools: [weather] }))
    expect(ids).toHaveLength(2)
    for (const [index, toolCallId] of ids.entries()) {
      thread.client.addMessage({ id: `r${index}`, role: 'tool', toolCallId, content: 'dry' })
    }
    await thread.run({ tools: [weather] })
    expect(thread.texts.at(-1)).toBe('assistant: Rain and sun.')
    expect(model.asked).toHaveLength(2)
  })

  it('takes no result that nothing waits for', async () => {
    const { thread, model } = await open([says('Hello.'), says('Again.')])
    await thread.say('Hi')
    thread.client.addMessage({ id: 'r', role: 'tool', toolCallId: 'forged', content: 'paid' })
    await thread.say('And now?')
    expect(JSON.stringify(model.asked[1]?.prompt)).not.toContain('paid')
  })

  it('whose result was sent twice runs once', async () => {
    const { thread, model, served } = await open([calls(['weather', {}]), says('It rains.')])
    const [toolCallId = ''] = pendingOf(await thread.say('The weather?', { tools: [weather] }))
    thread.client.addMessage({ id: 'r', role: 'tool', toolCallId, content: 'rain' })
    const other = new Thread(served.url)
    other.client.setMessages(thread.client.messages)
    await Promise.all([
      thread.run({ tools: [weather], runId: 'b' }),
      other.run({ tools: [weather], runId: 'b' }),
    ])
    expect(thread.texts.at(-1)).toBe('assistant: It rains.')
    expect(other.texts.at(-1)).toBe('assistant: It rains.')
    expect(model.asked).toHaveLength(2)
  })
})

describe('an approval', () => {
  it('is an interrupt, and its decision continues the run', async () => {
    payments.length = 0
    const { thread } = await open([calls(['pay', { amount: 7 }]), says('Paid.')], { tools: [pay] })
    const { finished } = await thread.say('Pay 7')
    expect(finished?.outcome).toMatchObject({
      type: 'interrupt',
      interrupts: [
        {
          reason: 'tool_call',
          message: 'The tool "pay" needs an approval.',
          toolCallId: 'call-0',
          responseSchema: { required: ['approved'] },
        },
      ],
    })
    expect(payments).toEqual([])
    const answered = await thread.run({ resume: resume(thread, { approved: true }) })
    expect(resultsOf(answered)).toEqual(['paid'])
    expect(answered.finished?.outcome).toEqual({ type: 'success' })
    expect(payments).toEqual([7])
    expect(await thread.storedMessages()).toEqual(thread.client.messages)
  })

  it('is refused with a reason, or left without a decision', async () => {
    payments.length = 0
    for (const status of ['resolved', 'cancelled'] as const) {
      const scripts = [calls(['pay', { amount: 7 }]), says('Not paid.')]
      const { thread, model } = await open(scripts, { tools: [pay] })
      await thread.say('Pay 7')
      await thread.run({ resume: resume(thread, { approved: false, reason: 'Too much' }, status) })
      expect(thread.texts.at(-1)).toBe('assistant: Not paid.')
      const reason = status === 'resolved' ? 'Too much' : 'The user gave no decision.'
      expect(JSON.stringify(model.asked[1]?.prompt)).toContain(reason)
    }
    expect(payments).toEqual([])
  })

  it('needs a decision in the right form', async () => {
    const { thread } = await open([calls(['pay', { amount: 7 }])], { tools: [pay] })
    await thread.say('Pay 7')
    const entries = (payload: unknown) => ({ resume: resume(thread, payload) })
    await expect(thread.run(entries('yes'))).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('resume[0].payload must have the field approved'),
    })
    await expect(
      thread.run(entries({ approved: true, editedArgs: { amount: 1 } })),
    ).rejects.toMatchObject({ status: 400, message: expect.stringContaining('editedArgs') })
  })

  it('stays open if another one gets its decision', async () => {
    payments.length = 0
    const scripts = [calls(['pay', { amount: 1 }], ['pay', { amount: 2 }]), says('Done.')]
    const { thread } = await open(scripts, { tools: [pay] })
    await thread.say('Pay 1 and 2')
    const [first, second] = resume(thread, { approved: true })
    thread.client.pendingInterrupts = []
    const half = await thread.run({ resume: first === undefined ? [] : [first] })
    expect(half.finished?.outcome).toMatchObject({
      type: 'interrupt',
      interrupts: [{ id: second?.interruptId }],
    })
    await thread.run({ resume: resume(thread, { approved: true }) })
    expect(new Set(payments)).toEqual(new Set([1, 2]))
    expect(thread.texts.at(-1)).toBe('assistant: Done.')
  })

  it('gives way to a new message if the client cancels it', async () => {
    payments.length = 0
    const scripts = [calls(['pay', { amount: 7 }]), says('As you like.')]
    const { thread, model } = await open(scripts, { tools: [pay] })
    await thread.say('Pay 7')
    await thread.say('Never mind.', { resume: resume(thread, undefined, 'cancelled') })
    expect(thread.texts.at(-1)).toBe('assistant: As you like.')
    expect(model.asked).toHaveLength(2)
    expect(payments).toEqual([])
  })

  it('comes before a new message', async () => {
    payments.length = 0
    const scripts = [calls(['pay', { amount: 7 }]), says('Not paid.'), says('Hello.')]
    const { thread, state, served } = await open(scripts, { tools: [pay] })
    await thread.say('Pay 7')
    // Another page does not know of the interrupt.
    const page = new Thread(served.url)
    page.client.setMessages(thread.client.messages)
    await expect(page.say('Never mind.')).rejects.toMatchObject({
      status: 409,
      message: expect.stringContaining('waits for the answers to its interrupts'),
    })
    expect(await state()).toBe('waiting')
    await page.run({ resume: resume(thread, { approved: false }) })
    expect(page.texts).toContain('assistant: Hello.')
    expect(payments).toEqual([])
  })

  it('of an unknown interrupt has no effect', async () => {
    const { thread } = await open([says('Hello.'), says('Again.')])
    await thread.say('Hi')
    const entry = { interruptId: 'forged', status: 'resolved' as const, payload: true }
    await thread.say('Go on', { resume: [entry] })
    expect(thread.texts.at(-1)).toBe('assistant: Again.')
  })
})

describe('a question', () => {
  it('is an interrupt, and its answer is the result of the call', async () => {
    const { thread } = await open(
      [calls(['human', { question: 'Which branch?', options: ['main', 'next'] }]), says('Main.')],
      { tools: [human()] },
    )
    const { finished } = await thread.say('Deploy')
    expect(finished?.outcome).toMatchObject({
      interrupts: [
        {
          id: 'call-0',
          reason: 'input_required',
          message: 'Which branch?',
          responseSchema: { type: 'string', examples: ['main', 'next'] },
        },
      ],
    })
    const answered = await thread.run({ resume: resume(thread, 'main') })
    expect(resultsOf(answered)).toEqual(['main'])
    expect(await thread.storedMessages()).toEqual(thread.client.messages)
  })

  it('is shown again to a page that was opened again', async () => {
    const { thread, served } = await open(
      [calls(['human', { question: 'Why?' }]), says('I see.')],
      {
        tools: [human()],
      },
    )
    await thread.say('Ask me')
    const page = new Thread(served.url)
    await page.run()
    expect(page.client.pendingInterrupts).toEqual(thread.client.pendingInterrupts)
    await page.run({ resume: resume(page, 'Because.') })
    expect(page.texts.at(-1)).toBe('assistant: I see.')
  })

  it('and results with a new message are answered before it', async () => {
    const { thread } = await open(
      [calls(['human', { question: 'Why?' }]), says('I see.'), says('Next.')],
      { tools: [human()] },
    )
    await thread.say('Ask me')
    await thread.say('And now?', { resume: resume(thread, 'Because.') })
    const texts = (await thread.stored()).map(({ parts }) =>
      parts.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    )
    expect(texts).toEqual(['Ask me', 'I see.', 'And now?', 'Next.'])
    expect(thread.texts).toContain('assistant: I see.')
    expect(thread.texts).toContain('assistant: Next.')
  })
})
