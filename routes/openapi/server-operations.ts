/** The routes of the server that belong to no session. */
import { type Answer, json, type Operation } from './operation.ts'
import { query, whole } from './parameters.ts'

const page: Answer = {
  description: 'A page of HTML.',
  content: { 'text/html': { type: 'string' } },
}

export const serverOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/api/tokens',
    id: 'createToken',
    summary: 'Makes a short-lived token for a browser. Only an API key may do this.',
    tag: 'Access',
    body: { schema: 'NewToken' },
    right: 'tokens',
    answers: { 201: json('The token.', 'Token') },
  },
  {
    method: 'get',
    path: '/api/agents',
    id: 'listAgents',
    summary: 'Lists the agents.',
    tag: 'Agents and models',
    answers: { 200: json('The agents.', 'Agents') },
  },
  {
    method: 'get',
    path: '/api/models',
    id: 'listModels',
    summary: 'Lists the models whose keys are set, or every known model with these words.',
    tag: 'Agents and models',
    parameters: [
      query('query', 'Words that are all in the id or the name of a model.'),
      query('limit', 'The number of models. The default is 100.', whole(1000)),
    ],
    answers: { 200: json('The models.', 'Models') },
  },
  {
    method: 'get',
    path: '/healthz',
    id: 'checkHealth',
    summary: 'Answers while the process runs.',
    tag: 'Server',
    answers: { 200: json('The process runs.', 'Health') },
  },
  {
    method: 'get',
    path: '/readyz',
    id: 'checkReadiness',
    summary: 'Answers 200 while the server accepts new work.',
    tag: 'Server',
    answers: {
      200: json('The server accepts work.', 'Health'),
      503: json('The server drains, or its store is away.', 'Health'),
    },
  },
  {
    method: 'get',
    path: '/metrics',
    id: 'getMetrics',
    summary: 'Returns the metrics of this instance for Prometheus.',
    tag: 'Server',
    answers: {
      200: {
        description: 'The metrics.',
        content: { 'text/plain': { type: 'string' } },
      },
    },
    errors: ['not-found'],
  },
  {
    method: 'get',
    path: '/openapi.json',
    id: 'getDocument',
    summary: 'Returns this document.',
    tag: 'Server',
    answers: { 200: json('This document.', { type: 'object' }) },
  },
  {
    method: 'get',
    path: '/docs',
    id: 'getReference',
    summary: 'Shows this document as a page.',
    tag: 'Server',
    answers: { 200: page },
  },
  {
    method: 'get',
    path: '/',
    id: 'getPlayground',
    summary: 'Shows the playground.',
    tag: 'Server',
    answers: { 200: page },
  },
]
