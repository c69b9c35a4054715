-- Deletes a session and leaves a mark. The mark locks out the owner, also if a later post begins a new
-- session with the id. Returns the finished logs, because only the caller can make the names of their keys.
-- The tasks of a root leave its tree in the same step, so that none of them can begin any more.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks reply
-- ARGV sessionTtlMs replyTtlMs tenant
-- RETURNS done shared claims...
-- USES reply hint removed-tasks

local function remove()
  local tenant, state, claim, shared =
    unpack(redis.call('HMGET', key.session, 'tenant', 'state', 'claim', 'shared'))
  if not tenant or tenant ~= arg.tenant or state == 'deleted' then return { done = false } end
  local claims = redis.call('ZRANGE', key.claims, 0, -1)
  noteRemoved(redis.call('HKEYS', key.tasks))
  redis.call('PEXPIRE', key.removedTasks, arg.sessionTtlMs)
  for name, each in pairs(key) do
    if name ~= 'reply' and name ~= 'removedTasks' then redis.call('UNLINK', each) end
  end
  redis.call('HSET', key.session, 'tenant', tenant, 'state', 'deleted', 'claim', claim or '')
  redis.call('PEXPIRE', key.session, arg.sessionTtlMs)
  hint('intents')
  hint('log')
  return { done = true, shared = shared, claims = claims }
end

return storedReply() or storeReply(remove())
