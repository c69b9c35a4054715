/**
 * The signatures of the Lua scripts: their keys, arguments and replies. The head of each script repeats
 * its signature for its readers, and the loader refuses to start if the two differ. A last name that ends
 * in `...` stands for all remaining values. A last name `...` repeats the whole group. The file is long
 * because it is the list of all scripts.
 */
export interface Signature {
  keys: readonly string[]
  args: readonly string[]
  returns: readonly string[]
}

type Plain<NAME> = NAME extends `${string}...` ? never : NAME
type Rest<NAME> = NAME extends `${infer BASE}...` ? BASE : never

/** The keys of a call, by name. */
export type Keys<SIGNATURE extends Signature> = Record<Plain<SIGNATURE['keys'][number]>, string>

/** A large text is passed as UTF-8 bytes, because the client would encode it all at once. */
export type Argument = string | number | Buffer

/** The arguments of a call, by name. */
export type Arguments<SIGNATURE extends Signature> = Record<
  Plain<SIGNATURE['args'][number]> & string,
  Argument
> &
  Record<Rest<SIGNATURE['args'][number]> & string, readonly (string | Buffer)[]>

/** The reply of a call, by name. '' stands for no value. */
export type Reply<SIGNATURE extends Signature> = Record<
  Plain<SIGNATURE['returns'][number]> & string,
  string
> &
  Record<Rest<SIGNATURE['returns'][number]> & string, string[]>

/** The names of the keys of a session, except finished logs and replies. */
export const sessionKeyNames = [
  'session',
  'mail',
  'letters',
  'known',
  'order',
  'history',
  'messages',
  'branches',
  'branched',
  'claims',
  'live',
  'abandoned',
  'schedules',
  'scheduled',
  'tasks',
  'unfinishedTasks',
  'nestedTasks',
  'taskSpent',
  'removedTasks',
] as const

/** The keys of the root of a task. For a root, they are its own. */
const rootKeys = ['rootSession', 'rootTasks', 'rootTaskSpent'] as const

const ttls = ['sessionTtlMs', 'replyTtlMs'] as const
const bounds = [...ttls, 'knownMax', 'branchesMax', 'branchedMax'] as const

/** The record of a session. */
export const recordFields = [
  'tenant',
  'agent',
  'title',
  'state',
  'created',
  'updated',
  'claim',
  'owner',
  'turnAgent',
  'logId',
  'letterId',
  'last',
  'started',
  'takeovers',
  'floor',
  'stop',
  'error',
  'spentInput',
  'spentOutput',
  'spentCached',
  'spentReasoning',
  'spentUsd',
  'spentUnknown',
  'held',
  'due',
  'unfinishedSpent',
  'tasks',
  'subject',
  'members',
  'bytes',
  'fileBytes',
  'v',
  'queued',
] as const

const claimFields = ['claim', 'logId', 'resumed', 'abandoned', 'floor'] as const

/** Every script, by the name of its file. */
export const signatures = {
  post: {
    keys: [...sessionKeyNames, 'rootTasks', 'reply'],
    args: [
      ...bounds,
      'instance',
      'agents',
      'tenant',
      'subject',
      'writer',
      'agent',
      'task',
      'isResult',
      'beginsNone',
      'whenBusy',
      'mailboxLimit',
      'mailboxBytesMax',
      'id',
      'cutAt',
      'digest',
      'edits',
      'key',
      'letter',
      'seed...',
    ],
    returns: [
      'status',
      'position',
      'steered',
      'as',
      'replyId',
      ...claimFields,
      'isLeft',
      'nextLetter',
      'nextMessage',
      'shared',
      'size',
    ],
  },
  withdraw: {
    keys: ['session', 'mail', 'letters', 'known', 'order', 'reply'],
    args: [...ttls, 'knownMax', 'tenant', 'id'],
    returns: ['done'],
  },
  append: {
    keys: ['session', 'live', '...'],
    args: ['claim', 'after', 'id', 'events', '...'],
    returns: ['verdict', '...'],
  },
  'take-steered': {
    keys: [
      'session',
      'mail',
      'letters',
      'known',
      'order',
      'history',
      'messages',
      'branched',
      'reply',
    ],
    args: [...ttls, 'knownMax', 'claim'],
    returns: ['status', 'letters...'],
  },
  'settle-abandoned': {
    keys: [
      'session',
      'history',
      'messages',
      'branches',
      'branched',
      'abandoned',
      ...rootKeys,
      'log',
      'reply',
    ],
    args: [...ttls, 'claim', 'logId', 'message', 'logTtlMs', 'task', 'spent...'],
    returns: ['status'],
  },
  'save-summary': {
    keys: ['session', 'messages', 'reply'],
    args: [...ttls, 'claim', 'through', 'summary'],
    returns: ['status'],
  },
  finish: {
    keys: [...sessionKeyNames, ...rootKeys, 'log', 'reply'],
    args: [
      ...bounds,
      'instance',
      'agents',
      'claim',
      'lastId',
      'state',
      'error',
      'discard',
      'messageId',
      'message',
      'logTtlMs',
      'task',
      'unfinished',
      'spent...',
    ],
    returns: ['status', 'isLeft', ...claimFields, 'letter', 'message', 'size'],
  },
  'take-over': {
    keys: [...sessionKeyNames, 'reply'],
    args: [...ttls, 'claim', 'instance', 'handOver', 'quietMs'],
    returns: [
      'claim',
      'logId',
      'abandoned',
      'takeovers',
      'stop',
      'floor',
      'letter',
      'message',
      'silentMs',
    ],
  },
  'request-stop': {
    keys: ['session', 'mail', 'letters', 'known', 'order', 'reply'],
    args: [...ttls, 'knownMax', 'tenant', 'logId', 'queue'],
    returns: ['done'],
  },
  'run-queue': {
    keys: [...sessionKeyNames, 'reply'],
    args: [...bounds, 'instance', 'agents', 'tenant'],
    returns: ['running', 'isLeft', ...claimFields, 'letter', 'message'],
  },
  'note-reader': {
    keys: ['session'],
    args: ['logId', 'profile', 'order', 'lowest'],
    returns: ['noted'],
  },
  remove: {
    keys: [...sessionKeyNames, 'reply'],
    args: [...ttls, 'tenant', 'unusedSince'],
    returns: ['done', 'shared', 'size', 'claims...'],
  },
  share: {
    keys: ['session', 'history', 'messages', 'segment', 'sharers', 'reply'],
    args: ['replyTtlMs', 'tenant', 'id', 'name', 'bytesMin', 'segmentsMax', 'ttlMs'],
    returns: ['done'],
  },
  'use-segment': { keys: ['segment', 'sharers'], args: ['id', 'ttlMs'], returns: ['done'] },
  'leave-segment': { keys: ['segment', 'sharers'], args: ['id'], returns: ['done'] },
  'read-segment': { keys: ['segment'], args: ['ids...'], returns: ['messages...'] },
  'set-members': {
    keys: ['session', 'reply'],
    args: ['replyTtlMs', 'tenant', 'members'],
    returns: ['done'],
  },
  create: {
    keys: ['session', 'known', 'order', 'history', 'messages', 'branched', 'reply'],
    args: [
      ...ttls,
      'knownMax',
      'tenant',
      'subject',
      'agent',
      'title',
      'summary',
      'through',
      'context',
      'shared',
      'format',
      'seed...',
    ],
    returns: ['done', 'size'],
  },
  'add-schedule': {
    keys: [...sessionKeyNames, 'rootTasks', 'reply'],
    args: [
      ...ttls,
      'knownMax',
      'tenant',
      'subject',
      'writer',
      'agent',
      'task',
      'schedulesMax',
      'id',
      'occurrence',
      'dueAt',
      'content',
      'schedule',
      'seed...',
    ],
    returns: ['status', 'shared', 'size'],
  },
  'advance-schedule': {
    keys: [...sessionKeyNames, 'reply'],
    args: [...ttls, 'id', 'occurrence', 'next', 'dueAt'],
    returns: ['done', 'shared'],
  },
  'remove-schedule': {
    keys: [...sessionKeyNames, 'reply'],
    args: [...ttls, 'tenant', 'id'],
    returns: ['done'],
  },
  'read-schedules': {
    keys: ['schedules', 'scheduled'],
    args: [],
    returns: ['schedules...'],
  },
  'add-task': {
    keys: [...sessionKeyNames, 'reply'],
    args: [...ttls, 'unfinishedMax', 'openMax', 'task', 'parent', 'content'],
    returns: ['status', 'state'],
  },
  'end-task': {
    keys: [...sessionKeyNames, 'reply'],
    args: [...ttls, 'openMax', 'task', 'state'],
    returns: ['done', 'next...'],
  },
  'note-spending': {
    keys: ['session', ...rootKeys],
    args: ['claim', 'task', 'unfinished'],
    returns: ['done'],
  },
  'read-tree-spending': {
    keys: ['session', 'rootSession', 'rootTaskSpent'],
    args: ['task'],
    returns: [
      'spentInput',
      'spentOutput',
      'spentCached',
      'spentReasoning',
      'spentUsd',
      'spentUnknown',
    ],
  },
  'remove-task': {
    keys: [...sessionKeyNames, 'reply'],
    args: [...ttls, 'task'],
    returns: ['done'],
  },
  'renew-root': { keys: sessionKeyNames, args: ['sessionTtlMs'], returns: ['done'] },
  'read-task': {
    keys: ['tasks', 'unfinishedTasks', 'nestedTasks', 'taskSpent'],
    args: ['task'],
    returns: ['content', 'state', 'spent'],
  },
  'read-unfinished-tasks': {
    keys: ['unfinishedTasks'],
    args: [],
    returns: ['tasks...'],
  },
  'note-due': { keys: ['due'], args: ['keptMs', 'session', 'dueAt'], returns: ['done'] },
  'take-due': {
    keys: ['due'],
    args: ['keptMs', 'limit', 'leaseMs'],
    returns: ['now', 'leasedUntil', 'nextAt', 'sessions...'],
  },
  'settle-due': { keys: ['due'], args: ['session', 'leasedUntil', 'dueAt'], returns: ['done'] },
  'read-session': { keys: ['session', 'mail'], args: [], returns: recordFields },
  'read-sessions': {
    keys: ['session', 'mail', '...'],
    args: [],
    returns: [...recordFields, '...'],
  },
  'read-letter': {
    keys: ['session', 'mail', 'letters', 'known'],
    args: ['id'],
    returns: ['as', 'replyId'],
  },
  'read-mailbox': { keys: ['mail', 'letters'], args: [], returns: ['letters...'] },
  'read-messages': {
    keys: ['session', 'history', 'messages'],
    args: [],
    returns: ['shared', 'messages...'],
  },
  'read-page': {
    keys: ['session', 'history', 'messages'],
    args: ['limit', 'before'],
    returns: ['found', 'earlier', 'shared', 'messages...'],
  },
  'read-context': {
    keys: ['session', 'history', 'messages'],
    args: [],
    returns: ['summary', 'through', 'context', 'shared', 'messages...'],
  },
  'read-tree': {
    keys: ['session', 'history', 'messages', 'branches', 'branched'],
    args: [],
    returns: [
      'tenant',
      'agent',
      'state',
      'unfinished',
      'summary',
      'through',
      'context',
      'branches',
      'shared',
      'v',
      'lines...',
    ],
  },
  'read-log': {
    keys: ['session', 'live', 'abandoned', 'log'],
    args: ['logId', 'after', 'limit'],
    returns: ['status', 'holdsAfter', 'entries...'],
  },
  'index-session': {
    keys: ['index'],
    args: ['sessionTtlMs', 'indexMax', 'session'],
    returns: ['done'],
  },
  'take-unused': {
    keys: ['index'],
    args: ['unusedMs', 'limit', 'leaseMs'],
    returns: ['lease', 'sessions...'],
  },
  'settle-unused': { keys: ['index'], args: ['session', 'lease', 'usedAt'], returns: ['done'] },
  'note-storage': {
    keys: ['sessions', 'bytes'],
    args: ['id', 'bytes', 'ttlMs'],
    returns: ['done'],
  },
  'reserve-session': {
    keys: ['sessions', 'bytes'],
    args: ['id', 'max', 'ttlMs'],
    returns: ['done', 'sessions', 'bytes'],
  },
  'forget-storage': { keys: ['sessions', 'bytes'], args: ['ids...'], returns: ['removed'] },
  'note-files': { keys: ['session'], args: ['bytes'], returns: ['size'] },
  note: { keys: ['noted'], args: ['keptMs', 'session'], returns: ['done'] },
  beat: {
    keys: ['register', 'format', 'sharing', 'compacting', 'agreed'],
    args: ['keptMs', 'instance', 'ttlMs', 'writes', 'reads'],
    returns: ['format', 'agreedMs'],
  },
  'note-audit': { keys: ['audit'], args: ['keptMs', 'auditMax', 'event'], returns: ['done'] },
  'report-status': {
    keys: ['statuses', 'drains'],
    args: ['keptMs', 'instance', 'ttlMs', 'status'],
    returns: ['isAsked'],
  },
  'read-statuses': { keys: ['statuses'], args: [], returns: ['reports...'] },
  'ask-to-drain': {
    keys: ['statuses', 'drains'],
    args: ['keptMs', 'instance'],
    returns: ['done'],
  },
  'read-register': { keys: ['register'], args: ['instance'], returns: ['alive', 'lapsed...'] },
  'read-sharing': { keys: ['register', 'sharing'], args: [], returns: ['done'] },
  adopt: {
    keys: ['register', 'from', 'to'],
    args: ['keptMs', 'instance', 'limit'],
    returns: ['sessions...'],
  },
  pass: { keys: ['register', 'from', 'waiting'], args: ['keptMs', 'session'], returns: ['done'] },
  leave: { keys: ['register', 'noted'], args: ['instance'], returns: ['done'] },
} as const satisfies Record<string, Signature>

export type Signatures = typeof signatures
export type ScriptName = keyof Signatures
