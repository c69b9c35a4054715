-- The fields of the record of a session, in the order of the replies.

local names = { 'tenant', 'agent', 'title', 'state', 'created', 'updated', 'claim', 'owner',
  'turnAgent', 'logId', 'letterId', 'last', 'started', 'takeovers', 'floor', 'stop', 'error', 'spentInput', 'spentOutput', 'spentCached',
  'spentReasoning', 'spentUsd', 'spentUnknown', 'held', 'due',
  'unfinishedSpent', 'tasks', 'subject', 'members', 'bytes', 'fileBytes', 'v' }
