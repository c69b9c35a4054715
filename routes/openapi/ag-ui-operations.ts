/** The routes of AG-UI. */
import { json, type Operation } from './operation.ts'

const tag = 'AG-UI'

export const agUiOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/ag-ui/:agent',
    id: 'runAgUiAgent',
    summary:
      'Runs an agent in a thread, and streams the events of AG-UI 1.0. The thread is a session, by its id.',
    tag,
    body: { schema: 'RunAgentInput' },
    answers: {
      200: {
        description:
          'The events of the run. A failure after the first event is the event `RUN_ERROR`.',
        content: { 'text/event-stream': { type: 'string' } },
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
    ],
  },
  {
    method: 'get',
    path: '/ag-ui/:agent',
    id: 'getAgUiCapabilities',
    summary: 'Returns the capabilities of an agent in the form of AG-UI.',
    tag,
    answers: { 200: json('The capabilities.', 'AgentCapabilities') },
    errors: ['unknown-agent'],
  },
]
