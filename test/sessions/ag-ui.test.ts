/** A client of AG-UI over deaths of instances, in the middle of an answer and between runs. */
import { randomUUID } from 'node:crypto'

import { expect, it } from 'vitest'

import { Thread } from '../ag-ui/thread.ts'
import { until } from '../redis/until.ts'
import { openStage } from './stage.ts'

it('a run continues on another instance after a death, without the withdrawn part', async () => {
  await using stage = await openStage()
  const thread = new Thread(stage.instance(0).url, randomUUID(), 'assistant')
  const runId = randomUUID()
  const broken = thread.say('steps: 3, hold at 3', { runId })
  await until(20_000, 'the model is cut off', () => stage.upstream.held === 1)
  const reader = new Thread(stage.instance(1).url, thread.client.threadId, 'assistant')
  const followed = reader.run()
  const partial = () => reader.client.messages.at(-1)
  await until(20_000, 'the reader has the partial text', () => (partial()?.content ?? '') !== '')
  await stage.instance(0).kill()
  expect((await broken).finished).toBeUndefined()
  stage.upstream.letGo()
  // This client was connected to the other instance: its partial message is replaced.
  const { types, finished } = await followed
  expect(types.filter((type) => type === 'MESSAGES_SNAPSHOT')).toHaveLength(2)
  expect(finished?.outcome).toEqual({ type: 'success' })
  // This one lost its connection, and sends the same run to the other instance.
  thread.client.url = reader.client.url
  await thread.run({ runId })
  const stored = await thread.storedMessages(stage.instance(1).url)
  expect(thread.client.messages).toEqual(stored)
  expect(reader.client.messages).toEqual(stored)
  // One message of the user, two calls with their results, and the text.
  expect(stored.map(({ role }) => role)).toEqual([
    'user',
    'assistant',
    'tool',
    'assistant',
    'tool',
    'assistant',
  ])
  // The model was asked once for each step, and once more for the one that the death cut off.
  expect(stage.upstream.calls).toHaveLength(4)
})
