/** The routes of sessions, each below `/api/chat` and below `/api/agents/:agent/chat`. */
import { type Answer, json, type Operation } from './operation.ts'
import {
  answerParameters,
  historyLimit,
  idempotencyKey,
  query,
  readerParameters,
  streamParameters,
  whole,
} from './parameters.ts'

const stream: Answer = {
  description:
    'The answer as it is written. `text/event-stream`: the chunks of the AI SDK, each with an `id` for `Last-Event-ID`; a whole stream ends with `finish` and `[DONE]`. `text/plain`: the text with `protocol=text`, or the data stream of AI SDK 4 with `protocol=data`.',
  content: {
    'text/event-stream': { type: 'string' },
    'text/plain': { type: 'string' },
  },
  headers: { 'x-loom-session': 'The id of the session, percent-encoded.' },
}

/** The forms of the response to a posted message or answer. */
const answers = {
  200: { ...stream, content: { ...stream.content, 'application/json': 'Answer' } },
  202: json('Loom has stored the message. Only with `Prefer: respond-async`.', 'Accepted'),
} as const

const noContent: Answer = { description: 'Done. The response has no body.' }

/** The errors of a turn, which a request for the whole answer may report. */
const turnErrors = ['over-budget', 'unknown-model', 'missing-key', 'context-overflow'] as const

/** The paths start at the base of the sessions. */
export const sessionOperations: readonly Omit<Operation, 'tag'>[] = [
  {
    method: 'post',
    path: '',
    id: 'postMessage',
    summary: 'Accepts a message, an edit, a regeneration or an answer, and answers it.',
    parameters: [...answerParameters, idempotencyKey],
    body: { schema: 'ChatPost' },
    answers,
    errors: [
      'unknown-agent',
      'busy',
      'refused',
      'gone',
      'mailbox-full',
      'not-found',
      ...turnErrors,
    ],
  },
  {
    method: 'get',
    path: '',
    id: 'listSessions',
    summary: 'Lists the sessions of the caller, the last used first.',
    parameters: [
      query('limit', 'The number of sessions, at most 200. The default is 50.', whole(1_000_000)),
      query('before', 'The `before` of the previous page.', whole(Number.MAX_SAFE_INTEGER)),
    ],
    answers: {
      200: json('A page of sessions.', 'SessionPage'),
      307: { description: 'A transport put the path of a stream into `profile`: see `Location`.' },
    },
  },
  {
    method: 'get',
    path: '/:id',
    id: 'getSession',
    summary: 'Returns the session.',
    answers: { 200: json('The session.', 'Session') },
    errors: ['not-found'],
  },
  {
    method: 'delete',
    path: '/:id',
    id: 'deleteSession',
    summary: 'Deletes the session.',
    answers: { 204: noContent },
    errors: ['not-found'],
  },
  {
    method: 'get',
    path: '/:id/messages',
    id: 'listMessages',
    summary: 'Returns the history and the messages that wait; an empty list for an unused id.',
    parameters: [
      ...readerParameters,
      query('queued', '`0` leaves out the messages that wait.', {
        type: 'string',
        enum: ['0', '1'],
      }),
      query('limit', 'The number of messages: the last ones of the history.', historyLimit),
      query('before', 'The id of the message before which the part ends.'),
    ],
    answers: {
      200: {
        ...json('The messages.', {
          type: 'array',
          items: { $ref: '#/components/schemas/Message' },
        }),
        headers: { Link: 'The address of the messages before these, with `rel="next"`.' },
      },
    },
    errors: ['not-found'],
  },
  {
    method: 'get',
    path: '/:id/files/:hash',
    id: 'getFile',
    summary: 'Returns a file of a message, if the server keeps files apart from the messages.',
    answers: {
      200: {
        description: 'The file, with its own type.',
        content: { '*/*': { type: 'string', format: 'binary' } },
        headers: { ETag: 'The hash of the content.' },
      },
      304: { description: 'The client has the file: `If-None-Match` has its `ETag`.' },
    },
    errors: ['not-found'],
  },
  {
    method: 'get',
    path: '/:id/stream',
    id: 'followSession',
    summary: 'Streams the unfinished answer.',
    parameters: [
      ...streamParameters,
      query('follow', 'The end of the stream. The default is `message`.', {
        type: 'string',
        enum: ['message', 'queue', 'session'],
      }),
      query('after', 'The id of the last event that the reader has.'),
      {
        in: 'header',
        name: 'last-event-id',
        description: 'The same as `after`.',
        schema: { type: 'string' },
      },
    ],
    answers: { 200: stream, 204: { description: 'Nothing is unfinished.' } },
    errors: ['gone', 'not-found'],
  },
  {
    method: 'get',
    path: '/:id/socket',
    id: 'openSocket',
    summary: 'Opens a WebSocket for `WebSocketChatTransport` of AI SDK 7.',
    parameters: [
      ...readerParameters,
      query('follow', 'The end of a resumed answer. The default is `message`.', {
        type: 'string',
        enum: ['message', 'queue', 'session'],
      }),
      query('abort', '`stop` ends an answer whose request the page aborts.', {
        type: 'string',
        enum: ['leave', 'stop'],
      }),
    ],
    answers: {
      101: { description: 'The socket is open. Its messages are those of the transport.' },
    },
    errors: ['not-found'],
  },
  {
    method: 'post',
    path: '/:id/stop',
    id: 'stopSession',
    summary: 'Stops the answer and keeps its text.',
    parameters: [query('tree', '`1` also stops all tasks below the session.')],
    body: { schema: 'Stop', isOptional: true },
    answers: { 200: json('What was stopped.', 'Stopped') },
    errors: ['not-found'],
  },
  {
    method: 'get',
    path: '/:id/tasks',
    id: 'listTasks',
    summary: 'Lists the tasks below the session, with their states.',
    answers: { 200: json('The tasks.', 'Tasks') },
    errors: ['not-found'],
  },
  {
    method: 'get',
    path: '/:id/prompt',
    id: 'getPrompt',
    summary: 'Returns the prompt that the model would get next.',
    parameters: [query('context', 'The context of the next message: an object as JSON.')],
    answers: { 200: json('The next model call.', 'Prompt') },
    errors: ['not-found', 'unknown-agent', 'unknown-model', 'missing-key', 'invalid-config'],
  },
  {
    method: 'get',
    path: '/:id/inspect',
    id: 'inspectSession',
    summary:
      'Returns the owner, the claims, the log, the calls, the queue, the tasks and the cost.',
    answers: { 200: json('The inner state of the session.', 'Inspection') },
    errors: ['not-found'],
  },
  {
    method: 'get',
    path: '/:id/queue',
    id: 'listQueue',
    summary: 'Returns the messages that wait, and whether a stop holds them.',
    answers: { 200: json('The queue.', 'Queue') },
    errors: ['not-found'],
  },
  {
    method: 'post',
    path: '/:id/queue/run',
    id: 'runQueue',
    summary: 'Answers the messages that a stop holds.',
    body: { schema: { type: 'object', additionalProperties: false }, isOptional: true },
    answers: { 200: json('The state of the queue.', 'QueueRun') },
    errors: ['not-found'],
  },
  {
    method: 'delete',
    path: '/:id/queue/:messageId',
    id: 'withdrawMessage',
    summary: 'Withdraws a message that waits.',
    answers: { 200: json('The message was withdrawn.', 'Withdrawn') },
    errors: ['not-found', 'refused'],
  },
  {
    method: 'post',
    path: '/:id/schedules',
    id: 'addSchedule',
    summary: 'Sends a message later, once or again and again.',
    body: { schema: 'NewSchedule' },
    answers: {
      200: json('The schedule was there already.', 'Schedule'),
      201: json('The new schedule.', 'Schedule'),
    },
    errors: ['unknown-agent', 'refused', 'mailbox-full'],
  },
  {
    method: 'get',
    path: '/:id/schedules',
    id: 'listSchedules',
    summary: 'Lists the schedules of the session, the next one first.',
    answers: { 200: json('The schedules.', 'Schedules') },
    errors: ['not-found'],
  },
  {
    method: 'delete',
    path: '/:id/schedules/:scheduleId',
    id: 'removeSchedule',
    summary: 'Removes a schedule.',
    answers: { 204: noContent },
    errors: ['not-found'],
  },
  {
    method: 'get',
    path: '/:id/branches',
    id: 'listBranches',
    summary: 'Returns the messages that edits and regenerations removed from the history.',
    parameters: readerParameters,
    answers: { 200: json('The branches.', 'Branches') },
    errors: ['not-found'],
  },
  {
    method: 'get',
    path: '/:id/members',
    id: 'listMembers',
    summary: 'Returns the owner of the session, and the subjects with whom it is shared.',
    answers: { 200: json('The owner and the members.', 'Members') },
    errors: ['not-found'],
  },
  {
    method: 'put',
    path: '/:id/members',
    id: 'setMembers',
    summary: 'Replaces the members of the session. Only its owner may do this.',
    body: { schema: 'NewMembers' },
    answers: { 200: json('The owner and the members.', 'Members') },
    errors: ['not-found'],
  },
  {
    method: 'post',
    path: '/:id/fork',
    id: 'forkSession',
    summary: 'Copies the session, whole or up to a message or a branch.',
    body: { schema: 'Fork' },
    answers: { 201: json('The id of the copy.', 'Forked') },
    errors: ['not-found', 'refused'],
  },
  {
    method: 'post',
    path: '/:id/tools/:toolCallId',
    id: 'answerTool',
    summary: 'Answers a client-side tool call or a question. The turn continues.',
    parameters: answerParameters,
    body: { schema: 'ToolAnswer' },
    answers,
    errors: ['not-found', 'refused', 'gone', 'unknown-agent', ...turnErrors],
  },
  {
    method: 'post',
    path: '/:id/approvals/:approvalId',
    id: 'decide',
    summary: 'Answers an approval request. The turn continues.',
    parameters: answerParameters,
    body: { schema: 'Decision' },
    answers,
    errors: ['not-found', 'refused', 'gone', 'unknown-agent', ...turnErrors],
  },
]
