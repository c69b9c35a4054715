/** The routes of OpenAI's API. */
import { json, type Operation } from './operation.ts'

const tag = 'OpenAI'

export const openAiOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/chat/completions',
    id: 'createChatCompletion',
    summary:
      'Answers a conversation as the chat completions API of OpenAI does. The model is the name of an agent.',
    tag,
    parameters: [
      {
        in: 'header',
        name: 'x-loom-session',
        description:
          'The id of the session that has the history. Without it, the answer has no session.',
        schema: { type: 'string' },
      },
    ],
    body: { schema: 'ChatCompletionRequest' },
    answers: {
      200: {
        description: 'The answer, or with `stream` its chunks.',
        content: { 'application/json': 'ChatCompletion', 'text/event-stream': { type: 'string' } },
      },
    },
    errors: [
      'unknown-agent',
      'unknown-model',
      'not-found',
      'gone',
      'refused',
      'busy',
      'mailbox-full',
      'over-budget',
      'context-overflow',
      'model-failed',
      'model-timeout',
      'output-invalid',
    ],
    errorSchema: 'OpenAiError',
  },
  {
    method: 'get',
    path: '/v1/models',
    id: 'listOpenAiModels',
    summary: 'Lists the agents as models.',
    tag,
    answers: { 200: json('The agents.', 'OpenAiModels') },
    errorSchema: 'OpenAiError',
  },
  {
    method: 'get',
    path: '/v1/models/:model',
    id: 'getOpenAiModel',
    summary: 'Returns an agent as a model.',
    tag,
    answers: { 200: json('The agent.', 'OpenAiModel') },
    errors: ['unknown-agent'],
    errorSchema: 'OpenAiError',
  },
]
