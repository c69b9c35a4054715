/** What an agent asks a human, through the official clients of MCP. */
import { describe, expect, it } from 'vitest'

import { agentTool, defineAgent } from '../../src/index.ts'
import { human } from '../../tools/human.ts'
import { calls, says, scriptedModel } from '../scripted-model.ts'
import { type Asked, openClients, sessionIn, textIn } from './clients.ts'
import { remover, serve } from './served-tools.ts'

const question = { question: 'Which branch?', options: ['main', 'next'] }
const asks = [calls(['human', question, 'call-1']), says('Merged.')]
const removes = [calls(['remove', { path: '/a' }, 'call-x']), says('It is done.')]

describe.each(openClients)('a client of %s that shows forms', (_version, open) => {
  it('gets a question as a form, and the agent the answer', async () => {
    const { url, model } = await serve(asks, { tools: [human()] })
    const asked: Asked[] = []
    const client = await open(url, {
      answer: (form) => {
        asked.push(form)
        return { action: 'accept', content: { choice: 'next' } }
      },
    })
    expect(textIn(await client.call('tutor', { message: 'Merge.' }))).toBe('Merged.')
    expect(asked).toMatchObject([
      {
        message: 'Which branch?',
        requestedSchema: { properties: { choice: { enum: ['main', 'next'] } } },
      },
    ])
    expect(JSON.stringify(model.asked[1]?.prompt)).toContain('"value":"next"')
  })

  it.each([
    ['allowed', { action: 'accept' as const, content: { approve: true } }, ['/a']],
    ['not allowed', { action: 'accept' as const, content: { approve: false, reason: 'No' } }, []],
    ['declined', { action: 'decline' as const }, []],
  ])('decides about a call that needs an approval: %s', async (_name, answer, expected) => {
    const { removed, remove } = remover()
    const served = await serve(removes, { tools: [remove] })
    const client = await open(served.url, { answer: () => answer })
    expect(textIn(await client.call('tutor', { message: 'Remove it.' }))).toBe('It is done.')
    expect(removed).toEqual(expected)
    const { events } = await served.loom.sessions.auditPage('', { limit: 10 })
    expect(events.map(({ action }) => action)).toEqual([expected.length > 0 ? 'approve' : 'deny'])
  })

  it('goes on, or says what waits, if the human closes the form', async () => {
    const { removed, remove } = remover()
    const { url } = await serve(removes, { tools: [remove] })
    const client = await open(url, { answer: () => ({ action: 'cancel' }) })
    const result = textIn(await client.call('tutor', { message: 'Remove it.' }))
    expect(result).toMatch(client.name === '2026-07-28' ? /waits for a human/ : 'It is done.')
    expect(removed).toEqual([])
  })

  it('goes on if the client cannot show the form', async () => {
    const { url } = await serve(asks, { tools: [human()] })
    const client = await open(url, {
      answer: () => {
        throw new Error('There is no screen.')
      },
    })
    const call = client.call('tutor', { message: 'Merge.' })
    if (client.name === '2026-07-28') await expect(call).rejects.toThrow('no screen')
    else expect(textIn(await call)).toBe('Merged.')
  })

  it('answers the question of a sub-agent', async () => {
    const helper = defineAgent({
      name: 'helper',
      systemPrompt: 'Help.',
      tools: [human()],
      model: scriptedModel(calls(['human', { question: 'Which one?' }]), says('The second one.')),
    })
    const { url, model } = await serve([calls(['helper', { prompt: 'Choose.' }]), says('Done.')], {
      tools: [agentTool(helper)],
    })
    const asked: string[] = []
    const client = await open(url, {
      answer: ({ message }) => {
        asked.push(message)
        return { action: 'accept', content: { answer: 'second' } }
      },
    })
    expect(textIn(await client.call('tutor', { message: 'Go.' }))).toBe('Done.')
    expect(asked).toEqual(['Which one?'])
    expect(JSON.stringify(model.asked[1]?.prompt)).toContain('The second one.')
  })

  it('gets two questions, and may answer one of them later', async () => {
    const two = calls(
      ['human', { question: 'First?' }, 'call-1'],
      ['human', { question: 'Second?' }, 'call-2'],
    )
    const { url } = await serve([two, says('Thanks.')], { tools: [human()] })
    const client = await open(url, {
      answer: ({ message }) =>
        message === 'First?'
          ? { action: 'accept', content: { answer: 'one' } }
          : new Promise((resolve) => {
              setImmediate(() => resolve({ action: 'accept', content: { answer: 'two' } }))
            }),
    })
    expect(textIn(await client.call('tutor', { message: 'Ask.' }))).toBe('Thanks.')
  })

  it('gets the answer that another client gave', async () => {
    const { url } = await serve(asks, { tools: [human()] })
    const client = await open(url, {
      answer: async () => {
        const { sessions } = JSON.parse(await (await fetch(`${url}/api/chat`)).text())
        await fetch(`${url}/api/chat/${sessions[0].id}/tools/call-1`, {
          method: 'POST',
          headers: { accept: 'application/json' },
          body: JSON.stringify({ output: 'main' }),
        })
        return { action: 'accept', content: { choice: 'next' } }
      },
    })
    expect(textIn(await client.call('tutor', { message: 'Merge.' }))).toBe('Merged.')
  })
})

describe.each(openClients)('a client of %s that shows no forms', (_version, open) => {
  it('reads what the session waits for, and answers by arguments', async () => {
    const { url, model } = await serve(asks, { tools: [human()] })
    const client = await open(url)
    const waiting = await client.call('tutor', { message: 'Merge.' })
    expect(textIn(waiting)).toMatch(/waits for a human:\n- call-1: Which branch\? \(main, next, /)
    const session = sessionIn(waiting)
    const again = await client.call('tutor', { session })
    expect(textIn(again)).toBe(textIn(waiting))
    const result = await client.call('tutor', { session, answers: { 'call-1': 'main' } })
    expect(textIn(result)).toBe('Merged.')
    expect(JSON.stringify(model.asked[1]?.prompt)).toContain('"value":"main"')
  })

  it('can refuse an approval by arguments, and never give it', async () => {
    const { removed, remove } = remover()
    const { url, loom } = await serve(removes, { tools: [remove] })
    const client = await open(url)
    const waiting = await client.call('tutor', { message: 'Remove it.' })
    const [, id = ''] = /^- (\S+): /m.exec(textIn(waiting)) ?? []
    const session = sessionIn(waiting)
    const given = await client.call('tutor', { session, answers: { [id]: true } })
    expect([given.isError, textIn(given)]).toEqual([true, expect.stringContaining('Only a human')])
    expect(textIn(await client.call('tutor', { session }))).toBe(textIn(waiting))
    const refused = await client.call('tutor', { session, answers: { [id]: false } })
    expect(textIn(refused)).toBe('It is done.')
    expect(removed).toEqual([])
    const { events } = await loom.sessions.auditPage('', { limit: 10 })
    expect(events.map(({ action }) => action)).toEqual(['deny'])
  })
})
