-- Deletes a session and leaves a mark. The mark locks out the owner, also if a later post begins a new
-- session with the id. Returns the finished logs, because only the caller can make the names of their keys.
-- The tasks of a root leave its tree in the same step, so that none of them can begin any more.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks reply
-- ARGV sessionTtlMs replyTtlMs tenant unusedSince
-- RETURNS done shared size claims...
-- USES reply hint removed-tasks size

local function remove()
  local tenant, state, claim, shared, updated =
    unpack(redis.call('HMGET', key.session, 'tenant', 'state', 'claim', 'shared', 'updated'))
  if not tenant or tenant ~= arg.tenant or state == 'deleted' then return { done = false } end
  local isUsed = state == 'running' or updated ~= arg.unusedSince
  if arg.unusedSince ~= '' and isUsed then return { done = false } end
  local claims, size = redis.call('ZRANGE', key.claims, 0, -1), sizeOf()
  local tasks = redis.call('HKEYS', key.tasks)
  -- First: after a removal, a full Redis takes the other writes of the same script.
  for name, each in pairs(key) do
    if name ~= 'reply' and name ~= 'removedTasks' then redis.call('UNLINK', each) end
  end
  noteRemoved(tasks)
  redis.call('PEXPIRE', key.removedTasks, arg.sessionTtlMs)
  redis.call('HSET', key.session, 'tenant', tenant, 'state', 'deleted', 'claim', claim or '')
  redis.call('PEXPIRE', key.session, arg.sessionTtlMs)
  hint('intents')
  hint('log')
  return { done = true, shared = shared, size = size, claims = claims }
end

return storedReply() or storeReply(remove())
