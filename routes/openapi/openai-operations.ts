/** The routes of OpenAI's API. */
import type { LoomErrorCode } from '../../src/ground/error.ts'
import { json, type Operation, type Parameter } from './operation.ts'

const tag = 'OpenAI'

/** The errors of an answer, for each of the APIs. */
const answerErrors: readonly LoomErrorCode[] = [
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
]

const sessionHeader = (description: string): Parameter => ({
  in: 'header',
  name: 'x-loom-session',
  description,
  schema: { type: 'string' },
})

export const openAiOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/chat/completions',
    id: 'createChatCompletion',
    summary:
      'Answers a conversation as the chat completions API of OpenAI does. The model is the name of an agent.',
    tag,
    parameters: [
      sessionHeader(
        'The id of the session that has the history. Without it, the answer has no session.',
      ),
    ],
    body: { schema: 'ChatCompletionRequest' },
    answers: {
      200: {
        description: 'The answer, or with `stream` its chunks.',
        content: { 'application/json': 'ChatCompletion', 'text/event-stream': { type: 'string' } },
      },
    },
    errors: answerErrors,
    errorSchema: 'OpenAiError',
  },
  {
    method: 'post',
    path: '/v1/responses',
    id: 'createResponse',
    summary:
      'Answers an input as the Responses API of OpenAI does. The model is the name of an agent.',
    tag,
    parameters: [
      sessionHeader(
        'The id of the session that has the history. Without it, the response begins or continues a session of its own.',
      ),
    ],
    body: { schema: 'ResponseRequest' },
    answers: {
      200: {
        description: 'The response, or with `stream` its events.',
        content: { 'application/json': 'Response', 'text/event-stream': { type: 'string' } },
        headers: { 'x-loom-session': 'The id of the session, if the response is stored.' },
      },
    },
    errors: ['forbidden', ...answerErrors],
    errorSchema: 'OpenAiError',
  },
  {
    method: 'get',
    path: '/v1/responses/:id',
    id: 'getResponse',
    summary: 'Returns a response, finished or not.',
    tag,
    parameters: [
      {
        in: 'query',
        name: 'stream',
        description: '`true` for the events of the response.',
        schema: { type: 'boolean' },
      },
      {
        in: 'query',
        name: 'starting_after',
        description: 'The `sequence_number` of the last event that the client has.',
        schema: { type: 'integer', minimum: 0 },
      },
    ],
    answers: {
      200: {
        description: 'The response, or with `stream` its events.',
        content: { 'application/json': 'Response', 'text/event-stream': { type: 'string' } },
      },
    },
    errors: ['not-found', 'gone'],
    errorSchema: 'OpenAiError',
  },
  {
    method: 'delete',
    path: '/v1/responses/:id',
    id: 'deleteResponse',
    summary: 'Deletes the chain of responses that ends with this one.',
    tag,
    answers: { 200: json('The deletion.', 'DeletedResponse') },
    errors: ['not-found', 'forbidden', 'refused'],
    errorSchema: 'OpenAiError',
  },
  {
    method: 'post',
    path: '/v1/responses/:id/cancel',
    id: 'cancelResponse',
    summary: 'Stops a background response.',
    tag,
    answers: { 200: json('The response.', 'Response') },
    errors: ['not-found', 'forbidden'],
    errorSchema: 'OpenAiError',
  },
  {
    method: 'get',
    path: '/v1/responses/:id/input_items',
    id: 'listInputItems',
    summary: 'Lists what the request of a response added to its conversation.',
    tag,
    parameters: [
      {
        in: 'query',
        name: 'order',
        description: '`asc` or `desc`.',
        schema: { type: 'string', enum: ['asc', 'desc'], default: 'desc' },
      },
      {
        in: 'query',
        name: 'limit',
        description: 'The maximum number of items.',
        schema: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
      },
      {
        in: 'query',
        name: 'after',
        description: 'The id of the last item of the previous page.',
        schema: { type: 'string' },
      },
    ],
    answers: { 200: json('The items.', 'InputItems') },
    errors: ['not-found'],
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
