/** A thread of the official client of AG-UI with a server. The client checks the sequence of the events. */
import {
  type CustomEvent,
  HttpAgent,
  type Message,
  type RunAgentParameters,
  type RunErrorEvent,
  type RunFinishedEvent,
  type RunStartedEvent,
  type ToolCallResultEvent,
} from '@ag-ui/client'
import type { UIMessage } from 'ai'

import { threadMessages } from '../../routes/ag-ui/thread-messages.ts'
import { CallIds } from '../../src/wire/frames/ag-ui/ids.ts'

/**
 * Reports a broken connection as an abort, so that the run ends without its last event. The client leaves the rejection
 * of any other error of a body unhandled.
 */
async function fetchUntilCut(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init)
  const reader = response.body?.getReader()
  if (reader === undefined) return response
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      } catch (cause) {
        controller.error(new DOMException(`The connection broke: ${String(cause)}`, 'AbortError'))
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
  return new Response(body, response)
}

export interface Run {
  /** The types of the events, without repetitions of the same type. */
  types: string[]
  started?: RunStartedEvent
  results: ToolCallResultEvent[]
  custom: CustomEvent[]
  finished?: RunFinishedEvent
  error?: RunErrorEvent
}

export class Thread {
  readonly client: HttpAgent
  readonly url: string

  /** @param url the address of the server */
  constructor(url: string, threadId = 'thread', agent = 'tutor') {
    this.url = url
    this.client = new HttpAgent({ url: `${url}/ag-ui/${agent}`, threadId, fetch: fetchUntilCut })
  }

  /** Adds a message of the user and runs the agent. */
  say(text: string, parameters: RunAgentParameters & { id?: string } = {}): Promise<Run> {
    const { id = crypto.randomUUID(), ...rest } = parameters
    this.client.addMessage({ id, role: 'user', content: text })
    return this.run(rest)
  }

  async run(parameters: RunAgentParameters = {}): Promise<Run> {
    const run: Run = { types: [], results: [], custom: [] }
    await this.client.runAgent(parameters, {
      onEvent({ event: { type } }) {
        if (type !== run.types.at(-1)) run.types.push(type)
      },
      onRunStartedEvent: ({ event }) => void (run.started = event),
      onToolCallResultEvent: ({ event }) => void run.results.push(event),
      onCustomEvent: ({ event }) => void run.custom.push(event),
      onRunFinishedEvent: ({ event }) => void (run.finished = event),
      onRunErrorEvent: ({ event }) => void (run.error = event),
    })
    return run
  }

  /** The texts of the messages of the client, by role. */
  get texts(): string[] {
    return this.client.messages.flatMap(({ role, content }) =>
      typeof content === 'string' ? [`${role}: ${content}`] : [],
    )
  }

  get last(): Message | undefined {
    return this.client.messages.at(-1)
  }

  async stored(url = this.url): Promise<UIMessage[]> {
    const response = await fetch(`${url}/api/chat/${this.client.threadId}/messages`)
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
    const messages: UIMessage[] = JSON.parse(await response.text())
    return messages
  }

  /** The stored messages in the form of AG-UI. */
  async storedMessages(url = this.url) {
    const resultIds = new Map<string, string>()
    for (const message of this.client.messages) {
      if (message.role === 'tool') resultIds.set(message.toolCallId, message.id)
    }
    return threadMessages(await this.stored(url), { resultIds, callIds: new CallIds() })
  }
}
