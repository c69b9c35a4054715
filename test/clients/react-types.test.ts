/** The types of `useLoomChat` in pages of ai 5, 6 and 7, with the declarations of the package. */
import { beforeAll, describe, expect, it } from 'vitest'

import { buildLibrary, buildMs } from '../artefacts/built.ts'
import { errorsIn } from '../docs/compiled-blocks.ts'
import { writeBlocks } from '../docs/written-files.ts'

/** A page that uses the members of both, and a wrong option. */
const page = (approves: boolean) => `
import { useChat } from '@ai-sdk/react'
import { loomChat } from 'loomkit/client'
import { useLoomChat } from 'loomkit/react'

type Message = ReturnType<typeof useChat>['messages'][number]

export function Page({ id, token }: { id: string; token: () => Promise<string> }) {
  const chat = useLoomChat({
    api: '/api/chat',
    id,
    profile: 'v7',
    key: token,
    onFinish: ({ message }) => void message.id.length,
    experimental_throttle: 50,
  })
  const text: string | undefined = chat.messages[0]?.parts.find((part) => part.type === 'text')?.text
  const title = async (): Promise<string | undefined> => (await chat.info())?.title
  const stop = async (): Promise<boolean> => (await chat.stop({ queue: 'clear' })).stopped
  const last = async (): Promise<Message | undefined> => (await chat.page({ limit: 1 })).messages[0]
  const act = () => {
    void chat.sendMessage({ text: 'Hi' }, { body: { whenBusy: 'steer' } })
    void chat.regenerate()
    void chat.addToolOutput({ tool: 'ask', toolCallId: 'a', output: 'b' })
    ${approves ? "void chat.addToolApprovalResponse({ id: 'a', approved: true })" : ''}
    chat.clearError()
  }
  return <p onClick={act} title={text}>{[title, stop, last].length} {chat.queued.messages.length} {chat.gone?.code}</p>
}

/** The framework-free chat as options of a plain useChat. */
export function Plain({ messages }: { messages: Message[] }) {
  const loom = loomChat<Message>({ api: '/api/chat', id: 'c', profile: 'v7' })
  const { id, transport, sendAutomaticallyWhen } = loom
  const { status } = useChat<Message>({ id, transport, sendAutomaticallyWhen, messages, resume: true })
  return <p>{status}</p>
}

export function wrong(): void {
  // @ts-expect-error a page without a profile
  useLoomChat({ api: '/api/chat', id: 'c' })
}
`

beforeAll(buildLibrary, buildMs)

describe('the types of useLoomChat', () => {
  it.each([
    ['tsx of ai 5', false],
    ['tsx of ai 6', true],
    ['tsx', true],
  ] as const)('fit in %s', async (kind, approves) => {
    const block = { page: 'page.tsx', line: 1, language: 'tsx', code: page(approves) }
    using written = writeBlocks([block])
    expect(await errorsIn(written, kind)).toEqual([])
  })
})
