/** A run of an agent against a provider that refuses some request bodies. */
import { type AgentDefinition, defineAgent } from '../../src/agent.ts'
import { createModels } from '../../src/model/resolve.ts'
import { run } from '../../src/runner.ts'
import { type Body, providerServer, refuse, say, stream } from './provider-server.ts'

export type Messages = Parameters<typeof run>[1]

export interface Refusing {
  agent?: Partial<AgentDefinition>
  /** @defaultValue one message of the user */
  messages?: Messages
  /** The HTTP status of a refusal. @defaultValue 400 */
  status?: number
  /** The text of the refusal of a body; undefined if the provider accepts it. */
  refusal: (body: Body) => string | undefined
}

/** A function that runs the agent, and the bodies that the provider refused and accepted. */
export async function refusingModel({ agent, messages, status = 400, refusal }: Refusing) {
  const refused: Body[] = []
  const taken: Body[] = []
  const server = await providerServer(({ body }, response) => {
    const message = refusal(body)
    if (message === undefined) {
      taken.push(body)
      return stream(response, ...say('Hello'))
    }
    refused.push(body)
    return refuse(response, status, { error: { message, type: 'invalid_request_error' } })
  })
  const models = createModels({ environment: { MOCK_BASE_URL: `${server.root}/v1` } })
  const definition = {
    name: 'tester',
    systemPrompt: 'Be short.',
    model: 'mock/m',
    retry: { retries: 0 },
    ...agent,
  }
  const ask = (input: Messages = messages ?? [{ role: 'user', content: 'Hi' }]) =>
    run(defineAgent(definition), input, { models })
  return { ask, refused, taken }
}
